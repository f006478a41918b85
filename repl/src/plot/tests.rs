//! Pictures as people see them, under `snapshots/repl`.

use asof::edn;
use asof::query::Budget;
use asof::testing;

use super::*;
use crate::patience::Patience;
use crate::time::Paint;

const HARBOUR: &str = r#"
    [{:db/id "datomic.tx" :db/txInstant #inst "2023-01-01"}
     {:db/ident :berth/code :db/valueType :db.type/string :db/cardinality :db.cardinality/one :db/unique :db.unique/identity}
     {:db/ident :ship/name  :db/valueType :db.type/string :db/cardinality :db.cardinality/one :db/unique :db.unique/identity}
     {:db/ident :ship/tons  :db/valueType :db.type/long   :db/cardinality :db.cardinality/one}
     {:db/ident :ship/berth :db/valueType :db.type/ref    :db/cardinality :db.cardinality/one}
     {:db/ident :ship/tows  :db/valueType :db.type/ref    :db/cardinality :db.cardinality/many}]
    [{:db/id "datomic.tx" :db/txInstant #inst "2024-03-01"}
     {:db/id "n" :berth/code "N1"} {:berth/code "S4"}
     {:db/id "p" :ship/name "Petrel" :ship/tons 900 :ship/berth "n"}
     {:ship/name "Tug <1>" :ship/tows ["p"] :ship/berth "n"}]
    [{:db/id "datomic.tx" :db/txInstant #inst "2024-03-02"} [:db/add [:ship/name "Petrel"] :ship/tons 1200]]
    [{:db/id "datomic.tx" :db/txInstant #inst "2024-03-02T10:00"} [:db/add [:ship/name "Petrel"] :ship/berth [:berth/code "S4"]]]
    [{:db/id "datomic.tx" :db/txInstant #inst "2024-04-10"} [:db/add [:ship/name "Petrel"] :ship/tons 300]]
    [{:db/id "datomic.tx" :db/txInstant #inst "2024-05-20"} [:db/retract [:ship/name "Petrel"] :ship/tons 300]]
    [{:db/id "datomic.tx" :db/txInstant #inst "2024-06-30"} [:db/add [:ship/name "Petrel"] :ship/tons 750]]
    [{:db/id "datomic.tx" :db/txInstant #inst "2024-08-01"} [:db/add [:ship/name "Petrel"] :ship/berth [:berth/code "N1"]]]"#;

fn style() -> Style {
    Style {
        paint: Paint(false),
        labels: None,
        width: 80,
    }
}

fn charts() -> Vec<(&'static str, Chart)> {
    let db = testing::fixture(HARBOUR).expect("a fixture").db();
    let form = |text: &str| edn::read_one(text).expect("EDN");
    let petrel = form("[:ship/name \"Petrel\"]");
    let patience = Patience::of(&Budget::default());
    let value = |attribute| value(&db, &petrel, &form(attribute), &mut style(), &patience).expect("a chart");
    vec![
        ("steps", value(":ship/tons")),
        ("lanes", value(":ship/berth")),
        ("days", days(&db, &patience).expect("a chart")),
        (
            "graph",
            around(&db, &petrel, 2, &mut style(), &patience).expect("a chart"),
        ),
    ]
}

#[test]
fn pictures() {
    let shown: Vec<String> = charts()
        .iter()
        .map(|(name, chart)| format!("{name}\n\n{}\n{}\n", chart.text(&style()), chart.reply().value))
        .collect();
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path("../../../snapshots/repl");
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| insta::assert_snapshot!("pictures", shown.join("\n")));
}

#[test]
fn svg_is_well_formed() {
    for (name, chart) in charts() {
        let svg = chart.svg().expect("a picture");
        assert!(svg.starts_with("<svg") && svg.trim_end().ends_with("</svg>"), "{name}");
        assert!(!svg.contains("<1>"), "{name}: names are escaped");
        let (opened, closed) = (svg.matches("<text").count(), svg.matches("</text>").count());
        assert!(opened > 0 && opened == closed, "{name}");
    }
}

#[test]
fn many_days_become_columns() {
    let chart = Days {
        counts: (0..400).map(|day| (20_000 + day, (day % 7) as u64)).collect(),
    };
    let text = Chart::Days(chart).text(&style());
    assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
    assert!(text.contains("a column is 6 days"), "{text}");
}

#[test]
fn narrow_terminals_and_single_values() {
    for width in [1, 20, 40] {
        let style = Style { width, ..style() };
        for (_, chart) in charts() {
            assert!(!chart.text(&style).is_empty());
        }
    }
    let at = Instant(0);
    let lone = Steps {
        title: "x".into(),
        points: vec![(at, Some(2.0))],
        end: at,
    };
    assert!(Chart::Steps(lone).text(&style()).contains("2 ┤─"));
    let gone = Steps {
        title: "x".into(),
        points: vec![(at, None)],
        end: at,
    };
    assert!(Chart::Steps(gone).svg().is_ok());
}
