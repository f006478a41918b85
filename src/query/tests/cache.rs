//! Plans that are kept answer as new ones do: after other values, other schemas, and much more data.

use super::{PEOPLE, ask, people};
use crate::conn::Connection;
use crate::datom::Val;
use crate::query::{Input, Query};

fn text(q: &Query, inputs: &[Input]) -> String {
    match q.run(inputs).and_then(|a| a.to_edn()) {
        Ok(form) => form.to_string(),
        Err(e) => e.to_string(),
    }
}

#[test]
fn other_values_give_other_answers() {
    let db = people();
    for query in [
        "[:find ?n :in $ ?a :where [?e :person/age ?a] [?e :person/name ?n]]",
        "[:find ?n :in $ ?a :where [?e :person/age ?x] [(> ?x ?a)] [?e :person/name ?n]]",
        "[:find ?n :in $ ?a :where [?e :person/name ?n] (not [?e :person/age ?a])]",
        "[:find ?n :in $ ?a :where [?e :person/name ?n] (or [?e :person/age ?a] [?e :person/boss ?a])]",
        "[:find ?n :in $ [?a ...] :where [?e :person/age ?a] [?e :person/name ?n]]",
        "[:find ?n ?a :in $ ?a :where [?e :person/age ?b] [?e :person/name ?n] [(= ?a ?b)]]",
        "[:find ?n :in $ ?e :where [?e :person/name ?n]]",
        "[:find ?a :in $ ?e ?a :where [?e ?a ?v]]",
        "[:find ?x :in $ ?a :where [(q [:find (count ?e) . :in $ ?a :where [?e :person/age ?a]] $ ?a) ?x]]",
        "[:find ?v :in $ ?a :where [?e :person/age ?a ?tx] [?tx :db/txInstant _] [?e :person/tag ?v]]",
    ] {
        let kept = Query::parse(query).expect("a query");
        let several = query.contains("?e ?a :where");
        for value in [
            "20",
            "36",
            "20",
            "-1",
            "99",
            "20.0",
            ":code",
            "[20 36]",
            "\"Ada\"",
            "[:person/name \"Ada\"]",
            "20",
            "[:person/name \"Cyd\"]",
            "[:person/name \"Nobody\"]",
            "36",
            ":person/age",
            ":person/boss",
        ] {
            let mut inputs = vec![Input::from(&db), Input::text(value).expect("a value")];
            if several {
                inputs.insert(1, Input::text("[:person/name \"Cyd\"]").expect("a value"));
            }
            let fresh = Query::parse(query).expect("a query");
            assert_eq!(text(&kept, &inputs), text(&fresh, &inputs), "{query} with {value}");
        }
    }
}

#[test]
fn a_changed_schema_gives_a_new_plan() {
    let conn = Connection::in_memory().expect("a connection");
    conn.transact(PEOPLE).expect("a schema");
    conn.transact("[{:person/name \"Ada\" :person/age 36}]")
        .expect("a person");
    let old = conn.db();
    let q = Query::parse("[:find ?n ?a :in $ ?n :where [?e :person/name ?n] [?e :person/age ?a]]").expect("a query");
    let run = |db: &crate::db::Db| text(&q, &[Input::from(db), "Ada".into()]);
    assert_eq!(run(&old), "#{[\"Ada\" 36]}");
    conn.transact("[{:db/id :person/age :db/cardinality :db.cardinality/many}]")
        .expect("many");
    conn.transact("[{:person/name \"Ada\" :person/age [37 38]}]")
        .expect("facts");
    assert_eq!(run(&conn.db()), "#{[\"Ada\" 36] [\"Ada\" 37] [\"Ada\" 38]}");
    assert_eq!(run(&old), "#{[\"Ada\" 36]}");
    // The old name goes on resolving; the new one is known to the newer value alone.
    conn.transact("[{:db/id :person/age :db/ident :person/years}]")
        .expect("renamed");
    assert_eq!(run(&conn.db()), "#{[\"Ada\" 36] [\"Ada\" 37] [\"Ada\" 38]}");
    let text = "[:find ?n :where [?e :person/name ?n] [?e :person/years 36]]";
    let q = Query::parse(text).expect("a query");
    assert_eq!(q.run(&[(&conn.db()).into()]).expect("rows").len(), 1);
    let error = q.run(&[(&old).into()]).expect_err("no such name yet").to_string();
    assert_eq!(error, ask(&old, text, &[]).expect_err("no such name yet").to_string());
}

#[test]
fn lookup_refs_in_the_text_are_looked_up_each_time() {
    let conn = Connection::in_memory().expect("a connection");
    conn.transact(PEOPLE).expect("a schema");
    let q = Query::parse(
        "[:find ?a . :where [[:person/name \"Ada\"] :person/age ?a] (not [[:person/name \"Bea\"] :person/age ?a])]",
    )
    .expect("a query");
    let run = || text(&q, &[(&conn.db()).into()]);
    assert_eq!(run(), "nil");
    conn.transact("[{:person/name \"Ada\" :person/age 36}]")
        .expect("a person");
    assert_eq!(run(), "36");
    conn.transact("[{:person/name \"Bea\" :person/age 36}]")
        .expect("a person");
    assert_eq!(run(), "nil");
}

#[test]
fn a_plan_grows_old_with_its_data() {
    let conn = Connection::in_memory().expect("a connection");
    conn.transact(PEOPLE).expect("a schema");
    let add = |from: i64, n: i64, facts: &str| {
        let people = (from..from + n).map(|i| format!("{{:person/name \"p{i}\" {facts}}}"));
        conn.transact(&*format!("[{}]", people.collect::<String>()))
            .expect("people");
    };
    add(0, 40, ":person/tag :a :person/age 1");
    add(40, 5, ":person/tag :b");
    let query = "[:find ?n :where [?e :person/tag :a] [?e :person/age 1] [?e :person/name ?n]]";
    let kept = Query::parse(query).expect("a query");
    let steps = |q: &Query| {
        let plan = q.explain_analyze(&[(&conn.db()).into()]).expect("a plan");
        let steps = plan.lines().map(|l| l.split("  ").next().unwrap_or(l).to_string());
        steps.take(3).collect::<Vec<_>>()
    };
    steps(&kept);
    // The tag becomes common, the age stays rare.
    add(45, 3000, ":person/tag :a");
    let fresh = Query::parse(query).expect("a query");
    assert_eq!(steps(&kept), steps(&fresh));
    // Little more data leaves the plan as it is: it is the very same one, which knows the old estimates.
    let estimates = |q: &Query| {
        let plan = q.explain_analyze(&[(&conn.db()).into()]).expect("a plan");
        plan.lines()
            .filter_map(|l| l.split(", was").next().map(str::to_string))
            .take(3)
            .collect::<Vec<_>>()
    };
    let before = estimates(&kept);
    add(4000, 50, ":person/tag :a :person/age 1");
    assert_eq!(estimates(&kept), before);
    assert_ne!(estimates(&Query::parse(query).expect("a query")), before);
}

#[test]
fn many_threads_share_a_query() {
    let db = people();
    let q = Query::parse("[:find ?n :in $ ?a :where [?e :person/age ?a] [?e :person/name ?n]]").expect("a query");
    std::thread::scope(|scope| {
        for k in 0..4 {
            let (q, db) = (&q, &db);
            scope.spawn(move || {
                for i in 0..50 {
                    let (age, rows) = if (i + k) % 2 == 0 { (20, 2) } else { (36, 1) };
                    assert_eq!(q.run(&[Input::from(db), age.into()]).expect("rows").len(), rows);
                }
            });
        }
    });
}

#[test]
fn mistakes_in_rules_point_into_their_text() {
    let db = people();
    let q = "[:find ?n :in $ % :where (named ?e ?n)]";
    for rules in [
        "[[(named ?e ?n)\n  [?e :person/nam ?n]]]",
        "[[(named ?e ?n)\n  [?e :person/name ?n] [(lowercase ?n) ?m]]]",
        "[[(named ?e ?n)\n  [?e :person/age ?n] [?e :person/age \"x\"]]]",
        "[[(named ?e ?n)\n  [?e :person/name ?n] (nobody ?e)]]",
        "[[(named ?e ?n)\n  [?e :person/name ?n] [(< ?n ?z)]]]",
        "[[(named ?e ?n)\n  [?e :person/name ?n] (not (named ?e ?n))]]",
    ] {
        let quoted = crate::edn::Edn::from(rules).to_string();
        for given in [rules, &quoted] {
            let error = ask(&db, q, &[given]).expect_err(rules).to_string();
            let wanted = if given == rules { " --> rules:2:" } else { "rules:2:" };
            assert!(error.contains(wanted) && error.contains("^"), "{error}");
        }
    }
    let error = ask(
        &db,
        "[:find (pull ?e p) :in $ p :where [?e :person/age]]",
        &["[:person/age\n :person/nam]"],
    );
    assert!(
        error
            .expect_err("no such attribute")
            .to_string()
            .contains(" --> pattern:2:2")
    );
}

#[test]
fn a_text_is_parsed_once_and_means_the_same_everywhere() {
    let query = "[:find [?w ...] :where [?e :thing/weight ?w] [(tests.cache/heavy ?w)]]";
    let parsed = || crate::query::cache::by_text(query).expect("a query").ast;
    assert!(std::sync::Arc::ptr_eq(&parsed(), &parsed()));
    let heavier_than = |least: i64| {
        let heavy = move |args: &[Val]| match args {
            [Val::Long(w)] => Ok(Val::Boolean(*w > least)),
            _ => Ok(Val::Boolean(false)),
        };
        crate::conn::Options::new()
            .query_fn("tests.cache/heavy", 1, heavy)
            .in_memory()
            .expect("memory")
    };
    let (one, other) = (heavier_than(1), heavier_than(2));
    let answer = |conn: &Connection| match conn.db().q(query, &[]).and_then(|a| a.to_edn()) {
        Ok(form) => form.to_string(),
        Err(e) => e.message().to_string(),
    };
    // A mistake that the next schema mends is found anew each time.
    for _ in 0..2 {
        assert_eq!(answer(&one), "there is no attribute :thing/weight");
    }
    for conn in [&one, &other] {
        conn.transact("[{:db/ident :thing/weight :db/valueType :db.type/long :db/cardinality :db.cardinality/one}]")
            .expect("a schema");
        conn.transact("[{:thing/weight 1} {:thing/weight 2} {:thing/weight 3}]")
            .expect("things");
    }
    for _ in 0..2 {
        assert_eq!((answer(&one), answer(&other)), ("[2 3]".to_string(), "[3]".to_string()));
    }
    // A mistake in the text itself, too.
    for _ in 0..2 {
        let error = one
            .db()
            .q("[:find ?x :where", &[])
            .map(|_| ())
            .expect_err("not a query");
        assert_eq!(error.code(), crate::error::Code::InvalidEdn);
    }
}

#[test]
fn plans_made_for_one_moment_are_for_no_other() {
    let conn = Connection::in_memory().expect("a connection");
    let t = |tx: &str| conn.transact(tx).expect("a transaction").db_after.basis_t();
    t(
        "[{:db/ident :k :db/valueType :db.type/long :db/cardinality :db.cardinality/one}
        {:db/ident :x :db/valueType :db.type/long :db/cardinality :db.cardinality/many}]",
    );
    let many = t("[{:k 1 :x [1 2]}]");
    let e = conn.db().q("[:find ?e . :where [?e :k 1]]", &[]);
    let e = e.and_then(|a| a.to_edn()).expect("an entity");
    t(&format!("[[:db/retract {e} :x 2]]"));
    let one = t("[{:db/id :x :db/cardinality :db.cardinality/one}]");
    t("[{:k 2 :x 7}]");
    let db = conn.db();
    let query = "[:find ?v :where [?e :k] [(get-else $ ?e :x 0) ?v]]";
    let (then, later) = (db.as_of(many).expect("a moment"), db.as_of(one).expect("a moment"));
    let kept = Query::parse(query).expect("a query");
    for db in [&later, &then, &later] {
        let fresh = Query::parse(query).expect("a query");
        assert_eq!(text(&kept, &[Input::from(db)]), text(&fresh, &[Input::from(db)]));
    }
    assert_eq!(text(&kept, &[Input::from(&later)]), "#{[1]}");
    assert!(text(&kept, &[Input::from(&then)]).contains("get-else needs one value"));
}

#[test]
fn plans_hold_on_to_no_database() {
    let query = Query::parse("[:find ?n :where [_ :person/name ?n]]").expect("a query");
    let db = people();
    let schema = std::sync::Arc::downgrade(db.schema());
    assert!(query.run(&[Input::from(&db)]).is_ok());
    drop(db);
    assert_eq!(schema.strong_count(), 0);
    // Another schema in its place would be another one.
    assert!(query.run(&[Input::from(people())]).is_ok());
}
