//! The room as a whole: reading and printing, both readers against each other.

use super::*;

fn one(text: &str) -> Edn {
    read_one(text).unwrap_or_else(|e| panic!("{e}"))
}

/// What each text reads as, by its one-line print.
#[test]
fn every_element_reads() {
    let cases = [
        ("nil true false", "nil true false"),
        (
            "0 -0 +5 -7 9223372036854775807 9223372036854775808",
            "0 0 5 -7 9223372036854775807 9223372036854775808N",
        ),
        ("42N -9223372036854775809 +1N", "42N -9223372036854775809N 1N"),
        (
            "1.5 -0.0 1e3 1E+3 2.5e-7 1e16 +1.5",
            "1.5 -0.0 1000.0 1000.0 2.5e-7 1e16 1.5",
        ),
        (
            "1.50M 2M -0.05M 1e50M 1.5e2M 1e-50M",
            "1.50M 2M -0.05M 1e50M 15e1M 1e-50M",
        ),
        ("##Inf ##-Inf ##NaN", "##Inf ##-Inf ##NaN"),
        (
            r"\newline \space \tab \return \backspace \formfeed",
            r"\newline \space \tab \return \backspace \formfeed",
        ),
        (
            r"\a \n \u \\ \( \; \, \é \u00e9 \u0001 \😀",
            r"\a \n \u \\ \( \; \u002c \é \é \u0001 \😀",
        ),
        (
            r#""" "a" "\"\\\n\r\t\b\f" "\u00e9 \uD83D\uDE00" "\0\101\377" "é""#,
            r#""" "a" "\"\\\n\r\t\b\f" "é 😀" "\u0000Aÿ" "é""#,
        ),
        ("\"two\nlines\"", r#""two\nlines""#),
        (
            "a foo/bar / ns// % $x ?x ... . .. <= not= * + - -a ->b a' é a# a:b",
            "a foo/bar / ns// % $x ?x ... . .. <= not= * + - -a ->b a' é a# a:b",
        ),
        ("nilly true? nil/x", "nilly true? nil/x"),
        (
            ":a :a/b :a.b/c :_ :1 :1/2 :/ :a:b :+ :é",
            ":a :a/b :a.b/c :_ :1 :1/2 :/ :a:b :+ :é",
        ),
        (
            "() (a (b)) [] [1,2 , 3] {} {:a 1, :b 2} #{} #{1 2}",
            "() (a (b)) [] [1 2 3] {} {:a 1, :b 2} #{} #{1 2}",
        ),
        (
            "#:a{:b 1 :_/c 2 d 3 \"e\" 4 :x/y 5} #:a {}",
            "{:a/b 1, :c 2, a/d 3, \"e\" 4, :x/y 5} {}",
        ),
        (
            "#inst \"2020\" #inst\"2020-01-01T00:00:00.5+01:00\"",
            "#inst \"2020-01-01T00:00:00.000Z\" #inst \"2019-12-31T23:00:00.500Z\"",
        ),
        (
            "#uuid \"F81D4FAE-7dec-11d0-a765-00a0c91e6bf6\"",
            "#uuid \"f81d4fae-7dec-11d0-a765-00a0c91e6bf6\"",
        ),
        ("#bytes \"00fF10\" #bytes \"\"", "#bytes \"00ff10\" #bytes \"\""),
        ("#my/tag {:a #other [1]} #t #u x", "#my/tag {:a #other [1]} #t #u x"),
        ("a #_b c [#_ #_ x y z #_w] #_#_#_ 1 2 3 {:a #_no 1}", "a c [z] {:a 1}"),
        ("#my/tag #_ hidden seen", "#my/tag seen"),
        ("; comment\n1 ;; [ \" \n2;", "1 2"),
        ("\u{FEFF}1\u{A0}2\u{2003},3", "1 2 3"),
    ];
    for (text, printed) in cases {
        let forms = read(text).unwrap_or_else(|e| panic!("{e}"));
        let again: Vec<String> = forms.iter().map(Edn::to_string).collect();
        assert_eq!(again.join(" "), printed, "reading {text}");
        assert_eq!(read(printed).unwrap(), forms, "reading {printed} again");
        let bulk: Vec<Edn> = bulk::read_forms(text).map(Result::unwrap).collect();
        assert_eq!(spans(&bulk), spans(&forms), "places in {text}");
        assert_eq!(bulk, forms);
        let stepwise: Vec<Edn> = Forms::new(text).map(Result::unwrap).collect();
        assert_eq!(spans(&stepwise), spans(&forms), "places in {text}");
        assert_eq!(stepwise, forms);
    }
}

fn spans(forms: &[Edn]) -> Vec<crate::error::Span> {
    let mut out = Vec::new();
    for form in forms {
        out.push(form.span);
        match &form.node {
            Node::List(items) | Node::Vector(items) | Node::Set(items) => out.extend(spans(items)),
            Node::Map(pairs) => pairs.iter().for_each(|(k, v)| {
                out.extend(spans(std::slice::from_ref(k)));
                out.extend(spans(std::slice::from_ref(v)));
            }),
            Node::Tagged(_, form) => out.extend(spans(std::slice::from_ref(form))),
            _ => {}
        }
    }
    out
}

#[test]
fn places_are_bytes_of_the_text() {
    let text = "é [:a #inst \"2020\" {b #_x \"c\"}]";
    let form = &read(text).unwrap()[1];
    let at = |e: &Edn| &text[e.span.start as usize..e.span.end as usize];
    assert_eq!(at(form), "[:a #inst \"2020\" {b #_x \"c\"}]");
    let items = form.as_vector().unwrap();
    assert_eq!(at(&items[0]), ":a");
    assert_eq!(at(&items[1]), "#inst \"2020\"");
    assert_eq!(at(&items[2].as_map().unwrap()[0].1), "\"c\"");
}

#[test]
fn deep_nesting_is_an_error_and_never_a_stack_overflow() {
    for open in ["[", "(", "{:a ", "#{", "#t ", "#_", "[#_ "] {
        for depth in [MAX_DEPTH + 1, 10_000, 1_000_000] {
            let text = open.repeat(depth);
            let error = read(&text).unwrap_err();
            assert!(error.message().contains("deeper than"), "{}", error.message());
        }
    }
    let deepest = "[".repeat(MAX_DEPTH) + &"]".repeat(MAX_DEPTH);
    let form = one(&deepest);
    assert_eq!(form.to_string(), deepest);
    assert_eq!(form, form.clone());
    let deepest = "{:a ".repeat(MAX_DEPTH) + "1" + &"}".repeat(MAX_DEPTH);
    assert_eq!(one(&deepest).to_string(), deepest);
    // A thread with little stack reads the same.
    let small = std::thread::Builder::new().stack_size(512 << 10);
    let read_there = small.spawn(move || read_one(&deepest).map(|form| form.to_string() == deepest));
    assert!(read_there.unwrap().join().unwrap().unwrap());
}
