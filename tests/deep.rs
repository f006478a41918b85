//! Forms made by programs (a pull that follows references down gives such) may nest far deeper than text can: every door
//! refuses them with an error, and none runs out of stack.

use asof::edn::{Edn, Node};
use asof::index::Order;
use asof::{Connection, EntityId, Error, Input, Query, Symbol};

const LEVELS: usize = 100_000;

fn nested(start: Edn, wrap: impl Fn(Edn) -> Edn) -> Edn {
    (0..LEVELS).fold(start, |form, _| wrap(form))
}

fn refused<T>(what: &str, result: Result<T, Error>) {
    match result {
        Ok(_) => panic!("{what} went through"),
        // Of a form that is too deep to be read, nobody wants to see all.
        Err(e) => assert!((1..2000).contains(&e.message().len()), "{what}: {}", e.message().len()),
    }
}

#[test]
fn no_door_runs_out_of_stack() {
    let conn = Connection::in_memory().expect("a connection");
    conn.transact(
        "[{:db/ident :node/name :db/valueType :db.type/ref :db/cardinality :db.cardinality/one :db/unique :db.unique/identity}]",
    )
    .expect("an attribute");
    let db = conn.db();
    let vector = nested(Edn::from(1), |form| Edn::vector([form]));
    let list = nested(Edn::from(1), |form| Edn::list([form]));
    let map = nested(Edn::from(1), |form| Edn::map([(Edn::kw("node/name"), form)]));
    let tagged = nested(Edn::from(1), |form| {
        Node::Tagged(Symbol::new("t"), Box::new(form)).into()
    });
    let lookup = nested(Edn::from(1), |form| Edn::vector([Edn::kw("node/name"), form]));
    for (kind, form) in [
        ("vector", &vector),
        ("list", &list),
        ("map", &map),
        ("tagged", &tagged),
        ("lookup", &lookup),
    ] {
        let input = [Input::from(form)];
        refused(&format!("{kind}: a value"), db.q("[:find ?x :in $ ?x]", &input));
        refused(
            &format!("{kind}: an entity"),
            db.q("[:find ?x :in $ ?x :where [?x :node/name]]", &input),
        );
        refused(
            &format!("{kind}: rules"),
            db.q("[:find ?x :in $ % :where (r ?x)]", &input),
        );
        refused(
            &format!("{kind}: a pattern"),
            db.q("[:find (pull ?x p) :in $ p :where [?x :db/ident]]", &input),
        );
        refused(
            &format!("{kind}: rows"),
            db.q("[:find ?x :in $ $rows :where [$rows ?x]]", &input),
        );
        refused(&format!("{kind}: a query"), Query::from_edn(form));
        let clause = Edn::vector([Edn::kw("find"), Edn::sym("?x"), Edn::kw("where"), form.clone()]);
        refused(&format!("{kind}: a clause"), Query::from_edn(&clause));
        refused(&format!("{kind}: a form"), conn.transact(vec![form.clone()]));
        let add = Edn::vector([Edn::kw("db/add"), Edn::from("a"), Edn::kw("node/name"), form.clone()]);
        refused(&format!("{kind}: a fact"), conn.transact(vec![add.clone()]));
        refused(&format!("{kind}: a speculation"), db.with(Edn::vector([add])));
        refused(&format!("{kind}: a name"), db.entid(form));
        refused(
            &format!("{kind}: a component"),
            db.datoms(Order::Eavt, std::slice::from_ref(form)),
        );
        refused(&format!("{kind}: a pull"), db.pull(form, EntityId(1)));
    }
}
