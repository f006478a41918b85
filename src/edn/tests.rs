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
    assert_eq!(form.cmp(&form.clone()), std::cmp::Ordering::Equal);
    assert_eq!(hash(&form), hash(&one(&deepest)));
    assert_eq!(one(&pretty(&form, 80)), form);
    assert_eq!(to_edn(&form).unwrap(), form);
    assert_eq!(from_edn::<Edn>(&form).unwrap(), form);
    let sets = "#{1 ".repeat(MAX_DEPTH) + &"}".repeat(MAX_DEPTH);
    assert_eq!(one(&sets).cmp(&one(&sets)), std::cmp::Ordering::Equal);
    let deepest = "{:a ".repeat(MAX_DEPTH) + "1" + &"}".repeat(MAX_DEPTH);
    assert_eq!(one(&deepest).to_string(), deepest);
    // A thread with little stack reads the same.
    let small = std::thread::Builder::new().stack_size(512 << 10);
    let read_there = small.spawn(move || read_one(&deepest).map(|form| form.to_string() == deepest));
    assert!(read_there.unwrap().join().unwrap().unwrap());
}

/// Mistakes people make, read as a newcomer would: `snapshots/edn/syntax_errors.snap`.
#[test]
fn syntax_errors_say_what_where_and_how_to_go_on() {
    let cases = [
        // brackets
        "[:find ?e\n :where [?e :person/name \"Ada\"]",
        "{:a [1 2}",
        "[1 2]\n)",
        "[[1 (2 {3 4}]",
        "#{1 2",
        "(((",
        "{:name \"Ada\" :age}",
        "{:a 1 #_ :b #_ 2 :c}",
        "{:a 1 :b 2 :a 3}",
        "#:p{:a 1 :p/a 2}",
        "#{:a \"b\" 1.0 :a}",
        "#{1 2 3 4 5 6 7 8 9 10 [1] 3 [1]}",
        // strings
        "{:name \"Ada\n :age 36}\n",
        r#"["C:\Users"]"#,
        r#""\u12""#,
        r#""\uD83D alone""#,
        r#""\q""#,
        "{:name “Ada”}",
        "{:name 'Ada'}",
        // characters
        r"[\a \newlin]",
        r"[\uD800]",
        r"[\abc]",
        r"[\ ]",
        // numbers
        "0x1F",
        "007",
        "2r101",
        "1/2",
        "1.",
        ".5",
        "-.5",
        "1_000",
        "1.5N",
        "1e",
        "12abc",
        "2024-01-31",
        "12:30",
        "1e400",
        "1e99999M",
        "##inf",
        "##Infinity",
        // names
        "[: name]",
        "::name",
        ":a/b/c",
        ":a/",
        "/b",
        "a/1",
        "a|b",
        "a\\b",
        "user@example.org",
        "#",
        "# {1}",
        // Clojure code
        "'[:find ?e]",
        "`(a)",
        "~x",
        "@conn",
        "^{:a 1} x",
        "#\"a.b\"",
        "#(inc %)",
        "#'var",
        "#?(:clj 1)",
        // tags and prefixes
        "#inst 2024",
        "#inst \"2024-02-30\"",
        "#inst \"31.1.2024\"",
        "#inst \"2024-01-31 12:00\"",
        "#inst \"2024-01-31T12:00:00.0000001Z\"",
        "#inst \"9999-12-31T23:59:59-01:00\"",
        "#uuid \"123\"",
        "#bytes \"abc\"",
        "#bytes \"0g\"",
        "[1 #inst]",
        "[1 #_]",
        "[1 #_",
        "#my/tag",
        "#1",
        "#a/b/c 1",
        "#:a [1]",
        "#:a/b{:c 1}",
        "#::{:c 1}",
        "#>x",
        "\u{1b}[0m",
    ];
    let nothing = crate::testing::database().expect("memory").db();
    let shown = |error: &crate::Error| crate::testing::error(&nothing, error);
    let mut page = String::new();
    for text in cases {
        let error = read(text).expect_err(text);
        assert!(error.place().is_some(), "{text}: no place");
        assert!(
            bulk::read_forms(text).any(|form| form.is_err()),
            "{text}: the bulk reader lets it pass"
        );
        page += &(shown(&error) + "\n");
    }
    for text in ["", " ; nothing\n", "1 [2]"] {
        page += &(shown(&read_one(text).expect_err(text)) + "\n");
    }
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path("../../snapshots/edn");
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| insta::assert_snapshot!("syntax_errors", page));
}

#[test]
fn errors_in_a_megabyte_on_one_line_stay_short() {
    let line = "[1 2 \"three\"] ".repeat(80_000);
    for (text, at) in [
        (format!("{line}]"), line.len()),
        (format!("[{line}"), 0),
        (format!("{line}{line}0x1F {line}"), 2 * line.len()),
        (format!("{line}\"{}", "x".repeat(1_000_000)), line.len()),
        (format!("{line}{}.1", "9".repeat(1_000_000)), line.len()),
        (format!(":{}/a/b", "x".repeat(1_000_000)), 0),
    ] {
        let error = read(&text).unwrap_err();
        assert_eq!(error.span().start as usize, at, "{error}");
        assert!(error.to_string().chars().count() < 600, "{error}");
        assert!(error.to_edn().to_string().chars().count() < 600);
    }
}

#[test]
fn a_script_is_read_up_to_its_first_error() {
    let text = "(a)\n(b]\n(c)";
    let mut forms = Forms::new(text);
    assert_eq!(forms.next().unwrap().unwrap().to_string(), "(a)");
    let error = forms.next().unwrap().unwrap_err();
    assert_eq!(error.place().unwrap().line, 2);
    assert!(forms.next().is_none());
    // A word that is no EDN is found when its form is asked for, at its place in the whole.
    let error = Forms::new("(a)\n(b 1/2)").nth(1).unwrap().unwrap_err();
    let place = error.place().unwrap();
    assert_eq!((place.line, place.column), (2, 4));
    // A byte order mark begins a text and nothing else.
    assert!(Forms::new("\u{FEFF}a \u{FEFF}b").nth(1).unwrap().is_err());
}

#[test]
fn a_prompt_knows_when_to_ask_for_more() {
    for text in ["", "1", "[1 2]", "; comment [", "#_ 1"] {
        assert!(matches!(is_complete(text), Completeness::Complete), "{text}");
    }
    for text in ["[", "[1 {:a (", "\"abc", "#_", "#inst", "'[", "#:a", "{:a"] {
        assert!(matches!(is_complete(text), Completeness::Incomplete), "{text}");
    }
    for text in ["]", "[1)", "{:a}", "1/2", "#{1 1}", "# "] {
        assert!(matches!(is_complete(text), Completeness::Invalid(_)), "{text}");
    }
}

#[test]
fn instants_read_as_in_clojure() {
    let cases = [
        ("2020", "2020-01-01T00:00:00.000Z"),
        ("2020-02", "2020-02-01T00:00:00.000Z"),
        ("2020-02-29", "2020-02-29T00:00:00.000Z"),
        ("2020-02-29T23", "2020-02-29T23:00:00.000Z"),
        ("2020-02-29T23:59", "2020-02-29T23:59:00.000Z"),
        ("2020-02-29T23:59:58", "2020-02-29T23:59:58.000Z"),
        ("2020-02-29T23:59:58.1", "2020-02-29T23:59:58.100Z"),
        ("2020-02-29T23:59:58.123456", "2020-02-29T23:59:58.123456Z"),
        ("2020-02-29T23:59:58.123000000-00:30", "2020-03-01T00:29:58.123Z"),
        ("2020-02-29Z", "2020-02-29T00:00:00.000Z"),
        ("2020-01-01+14:00", "2019-12-31T10:00:00.000Z"),
        ("2020-05:00", "2020-01-01T05:00:00.000Z"),
        ("2020-05-05:00", "2020-05-01T05:00:00.000Z"),
        ("2016-12-31T23:59:60Z", "2017-01-01T00:00:00.000Z"),
        ("0000", "0000-01-01T00:00:00.000Z"),
        ("9999-12-31T23:59:59.999999Z", "9999-12-31T23:59:59.999999Z"),
        ("1969-12-31T23:59:59.999999Z", "1969-12-31T23:59:59.999999Z"),
    ];
    for (text, printed) in cases {
        let instant = Instant::parse(text).unwrap_or_else(|e| panic!("{e}"));
        assert_eq!(instant.to_string(), printed);
        assert_eq!(Instant::parse(printed).unwrap(), instant);
        assert_eq!(Instant::from_chrono(instant.to_chrono()).unwrap(), instant);
    }
    assert_eq!(Instant::parse("0000").unwrap(), Instant::MIN);
    assert_eq!(Instant::parse("9999-12-31T23:59:59.999999").unwrap(), Instant::MAX);
    for text in [
        "",
        "20",
        "20200",
        "2020-1",
        "2020-13",
        "2020-00",
        "2020-02-30",
        "2019-02-29",
        "2020-01-01T24",
        "2020-01-01T00:60",
        "2020-01-01T00:00:60",
        "2020-01-01T00:00:00.",
        "2020-01-01T00:00:00.1234567",
        "2020-01-01 00:00",
        "2020-01-01t00",
        "2020-01-01T",
        "2020Zx",
        "2020+24:00",
        "2020+1",
        "0000-01-01T00:00:00+00:01",
        "9999-12-31T23:59:59-00:01",
        "-001",
        "2020-01-01T00:00:00z",
        "２０２０",
        "2020-0é",
        "1969-12-31T23:59:59.9999999",
    ] {
        let error = Instant::parse(text).expect_err(text);
        assert_eq!(error.code(), crate::error::Code::InvalidInstant);
    }
    for micros in [i64::MIN, i64::MAX] {
        assert!(!Instant(micros).to_string().is_empty());
    }
}

#[test]
fn order_is_total_and_equality_follows_it() {
    let ascending = read(
        "nil false true \\a \\b -1 2 1N 2N ##-Inf -0.0 0.0 1.0 ##Inf ##NaN 0.9M 1M 1.1M \"a\" \"b\" a b a/a :a :b :a/a \
         #inst \"2020\" #inst \"2021\" #uuid \"00000000-0000-0000-0000-000000000000\" #bytes \"00\" #bytes \"0000\" \
         () (1) (1 2) (2) [] [1] {} {:a 1} {:a 1 :b 1} {:a 2} #{} #{1} #{1 2} #{2} #a 1 #a 2 #b 1",
    )
    .unwrap();
    for (i, a) in ascending.iter().enumerate() {
        for (j, b) in ascending.iter().enumerate() {
            assert_eq!(a.cmp(b), i.cmp(&j), "{a} and {b}");
            assert_eq!(a == b, i == j, "{a} and {b}");
        }
    }
    for (a, b) in [
        ("{:a 1 :b 2}", "{:b 2, :a 1}"),
        ("#{1 2 3}", "#{3 1 2}"),
        ("1.0M", "1.000M"),
        ("100M", "1e2M"),
        ("1", "+1"),
    ] {
        assert_eq!(one(a), one(b));
        assert_eq!(hash(&one(a)), hash(&one(b)), "{a}");
    }
    assert_eq!(Edn::from(f64::NAN), Edn::from(-f64::NAN));
    assert_eq!(hash(&Edn::from(f64::NAN)), hash(&Edn::from(-f64::NAN)));
}

fn hash(form: &Edn) -> u64 {
    use std::hash::{DefaultHasher, Hash, Hasher};
    let mut hasher = DefaultHasher::new();
    form.hash(&mut hasher);
    hasher.finish()
}

#[test]
fn forms_are_made_in_rust() {
    let form = Edn::vector([
        Edn::map([
            (Edn::kw("person/name"), Edn::from("Ada")),
            (Edn::kw("person/age"), 36.into()),
        ]),
        Edn::list([Edn::sym("?x"), Edn::nil(), Edn::from(1.0), Edn::from(true)]),
        Edn::set([1i64, 2, 1]),
        Some(Instant(0)).into(),
    ]);
    assert_eq!(
        form.to_string(),
        "[{:person/name \"Ada\", :person/age 36} (?x nil 1.0 true) #{1 2} #inst \"1970-01-01T00:00:00.000Z\"]"
    );
    assert_eq!(one(&form.to_string()), form);
    let items = form.as_vector().unwrap();
    assert_eq!(
        items[0].get(&Keyword::new("person/age")).and_then(Edn::as_long),
        Some(36)
    );
    assert_eq!(items[1].type_name(), "a list");
    assert!(items[1].as_vector().is_none() && items[1].as_seq().is_some());
    assert!(!Keyword::new("a b").is_readable() && Keyword::new("a/b").is_readable());
    assert!(!Symbol::new("nil").is_readable() && Symbol::new("?x").is_readable());
}

#[test]
fn errors_are_data() {
    let error = read("{:a 0x10}")
        .unwrap_err()
        .in_source("people.edn", "{:a 0x10}")
        .with("radix", 16)
        .with("odd", "[");
    assert_eq!(
        error.to_edn().to_string(),
        "{:code :db.error/invalid-edn, :kind :invalid, :message \"`0x10` is not a number: EDN has no hexadecimal numbers\", \
         :source \"people.edn\", :line 1, :column 5, :hint \"write it in decimal: 16\", :radix 16, :odd \"[\"}"
    );
}

/// `snapshots/edn/pretty.snap`: what people see.
#[test]
fn pretty_prints_for_people() {
    let forms = read(include_str!("tests/pretty.edn")).unwrap();
    let mut page = String::new();
    for width in [80, 40] {
        for form in &forms {
            let text = pretty(form, width);
            assert_eq!(one(&text), *form);
            assert_eq!(pretty(&one(&text), width), text, "stable");
            page += &format!("{text}\n\n");
        }
        page += &"-".repeat(width);
        page += "\n\n";
    }
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path("../../snapshots/edn");
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| insta::assert_snapshot!("pretty", page));
}

mod properties {
    use super::super::*;
    use super::spans;
    use proptest::prelude::*;

    fn name() -> impl Strategy<Value = String> {
        let part = "[a-zA-Z*!_?$%&=<>éλ][a-z0-9*!_?$%&=<>.:#'+-]{0,6}";
        let named = (proptest::option::of(part), part).prop_map(|(ns, name)| match ns {
            Some(ns) => format!("{ns}/{name}"),
            None => name,
        });
        prop_oneof![9 => named, 1 => prop::sample::select(vec!["/", "a//", "+", "-", ".", "...", "-a", "+b"]).prop_map(String::from)]
    }

    fn atom() -> impl Strategy<Value = Node> {
        prop_oneof![
            Just(Node::Nil),
            any::<bool>().prop_map(Node::Bool),
            any::<char>().prop_map(Node::Char),
            any::<i64>().prop_map(Node::Long),
            any::<i128>().prop_map(|n| Node::BigInt(Box::new(n.into()))),
            any::<f64>().prop_map(Node::Double),
            (any::<i128>(), -60i64..60).prop_map(|(n, scale)| Node::BigDec(BigDecimal::new(n.into(), scale).into())),
            any::<String>().prop_map(|s| Node::Str(s.into())),
            name()
                .prop_filter("a symbol", |n| Symbol::new(n).is_readable())
                .prop_map(|n| Node::Symbol(Symbol::new(&n))),
            name().prop_map(|n| Node::Keyword(Keyword::new(&n))),
            (Instant::MIN.0..=Instant::MAX.0).prop_map(|n| Node::Inst(Instant(n))),
            any::<u128>().prop_map(|n| Node::Uuid(Uuid::from_u128(n))),
            proptest::collection::vec(any::<u8>(), 0..10).prop_map(|b| Node::Bytes(b.into())),
        ]
    }

    fn form() -> impl Strategy<Value = Edn> {
        atom().prop_map(Edn::new).prop_recursive(5, 60, 8, |inner| {
            let items = proptest::collection::vec(inner.clone(), 0..12);
            let pairs = proptest::collection::vec((inner.clone(), inner.clone()), 0..10);
            let tag = "[a-z]{1,3}/[a-z]{1,3}";
            prop_oneof![
                items.clone().prop_map(Edn::vector),
                items.clone().prop_map(Edn::list),
                items.prop_map(Edn::set),
                pairs.prop_map(Edn::map),
                (tag, inner).prop_map(|(tag, form)| Edn::new(Node::Tagged(Symbol::new(&tag), Box::new(form)))),
            ]
        })
    }

    /// Text that is nearly EDN: words that a reader may stumble on, side by side.
    fn scraps() -> impl Strategy<Value = String> {
        let words = vec![
            "(",
            ")",
            "[",
            "]",
            "{",
            "}",
            "#{",
            "#_",
            "#:a{",
            "#:a ",
            "#a ",
            "#inst",
            "##Inf",
            "##",
            "#",
            " ",
            ",",
            "\n",
            ";",
            "\"",
            "\"a\"",
            "\\",
            "\\a",
            "\\newline",
            "\\u0041",
            "\\\"",
            "\\u00e",
            "\\8",
            "1",
            "-1",
            "+",
            "-",
            ".",
            "0",
            "00",
            "N",
            "M",
            "e5",
            "/",
            ":",
            "a",
            "nil",
            "true",
            ":a",
            ":a/b",
            "a/b",
            "'",
            "é",
            "λ",
            "\u{A0}",
            "\u{2028}",
            "\u{85}",
            "\u{FEFF}",
            "\u{201C}",
            "\u{0}",
            "%",
            "@",
            "^",
            "~",
            "`",
            "|",
            "\"2020\"",
            "1.5",
            "1e5",
            "😀",
            "\u{7f}",
            "\r",
            "\u{1c}",
        ];
        proptest::collection::vec(prop::sample::select(words), 0..14).prop_map(|words| words.concat())
    }

    /// The grammar and the reader by hand give the same forms at the same places, and refuse the same texts.
    fn agree(text: &str) -> Result<(), TestCaseError> {
        let grammar = read(text);
        let by_hand: crate::error::Result<Vec<Edn>> = bulk::read_forms(text).collect();
        let stepwise: crate::error::Result<Vec<Edn>> = Forms::new(text).collect();
        match (grammar, by_hand, stepwise) {
            (Ok(grammar), Ok(by_hand), Ok(stepwise)) => {
                prop_assert_eq!(spans(&grammar), spans(&by_hand));
                prop_assert_eq!(spans(&grammar), spans(&stepwise));
                prop_assert_eq!(&grammar, &by_hand);
                prop_assert_eq!(&grammar, &stepwise);
                for form in &grammar {
                    prop_assert_eq!(&read_one(&form.to_string()).unwrap(), form);
                }
            }
            (Err(grammar), Err(by_hand), Err(stepwise)) => {
                for error in [grammar, by_hand, stepwise] {
                    prop_assert!(error.place().is_some());
                    prop_assert!(
                        !error.message().contains("not EDN"),
                        "nothing better to say about {text:?}: {error}"
                    );
                    let _ = error.to_string();
                }
            }
            (grammar, by_hand, stepwise) => {
                prop_assert!(
                    false,
                    "{text:?}: grammar {grammar:?}\nby hand {by_hand:?}\nstepwise {stepwise:?}"
                );
            }
        }
        Ok(())
    }

    proptest! {
        #[test]
        fn what_is_printed_reads_back_equal(form in form(), width in 1usize..100) {
            let text = form.to_string();
            prop_assert!(!text.contains('\n'));
            let again = read_one(&text).map_err(|e| TestCaseError::fail(e.to_string()))?;
            prop_assert_eq!(&again, &form);
            prop_assert_eq!(again.to_string(), text);
            let laid_out = pretty(&form, width);
            prop_assert_eq!(&read_one(&laid_out).unwrap(), &form);
            agree(&laid_out)?;
            prop_assert_eq!(super::hash(&again), super::hash(&form));
            prop_assert_eq!(&from_edn::<Edn>(&form).unwrap(), &form);
            prop_assert_eq!(&to_edn(&form).unwrap(), &form);
        }

        #[test]
        fn order_is_total(a in form(), b in form(), c in form()) {
            prop_assert_eq!(a.cmp(&b), b.cmp(&a).reverse());
            prop_assert_eq!(a.cmp(&b).is_eq(), a == b);
            if a <= b && b <= c {
                prop_assert!(a <= c);
            }
        }

        #[test]
        fn both_readers_agree_on_scraps(text in scraps()) {
            agree(&text)?;
            let _ = is_complete(&text);
        }

        #[test]
        fn both_readers_agree_on_any_text(text in any::<String>()) {
            agree(&text)?;
        }
    }
}
