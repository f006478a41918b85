//! What `asof import --help` says besides the options.

pub const EXAMPLES: &str = "Examples:
  asof import csv person.csv --id email
  asof import ndjson people.ndjson --entity person --id email
  apt-cache dumpavail | asof import debian -
  asof import git . --db target/history
  asof import dump backup.asof-dump --db restored";

pub const CSV_HELP: &str = r#"A column becomes the attribute :NAME/COLUMN; NAME is that of the file, or --entity. Attributes that the database
has keep their types; the types of the others are told from the first rows (long, double, boolean, instant, uuid, keyword,
string) and the attributes are made. An empty field is no value; an empty field in quotes is an empty text.

With --id, rows are entities of their own once: importing again changes what is different and adds what is new, and a file
that changes nothing adds no transaction. Without, each import makes new entities.

The exit code is 0 when all rows are imported, 1 when the import stopped at a bad row or failed, and 6 when bad rows
were left out.

Examples:
  asof import csv person.csv --id email
  asof import csv people.csv --entity person --id email --type zip=string --many tags --ref boss=:person/email
  asof import csv export.txt --delimiter ';' --null NULL --on-error skip --rejects bad.csv
  zcat events.tsv.gz | asof import tsv - --entity event --header at,kind,user --type kind=keyword
  asof import csv person.csv --dry-run"#;

pub const JSON_HELP: &str = r#"A key becomes the attribute :NAME/KEY; NAME is that of the file, or --entity. Arrays are several values. A nested
object is a part of its entity, with attributes :NAME.KEY/...; with --id KEY.NAME it is an entity of its own, found by that value.
Numbers stay exact. The exit codes are those of asof import csv.

Examples:
  asof import json people.json --entity person --id email
  asof import ndjson orders.ndjson --entity order --id number --id customer.email --attr customer.email=:person/email
  curl -s https://example.org/people | asof import json - --entity person --dry-run"#;

pub const EDN_HELP: &str = r#"The file holds transactions one after another, or is one vector of them. A transaction is a vector of
maps and lists, [{:person/name "Ada"} [:db/add 1 :person/age 36]]; a map or an operation alone is one, too. Only one
transaction is in memory at a time. At an error the import stops; the transactions before it are stored.

Example:
  asof import edn seattle-schema.edn && asof import edn seattle-data.edn"#;

pub const DEBIAN_HELP: &str = r#"A package is an entity named by :package/name, with :package/version, :package/section and the like. What it
needs and names are references: :package/depends, :package/pre-depends, :package/recommends, :package/suggests,
:package/enhances, :package/breaks, :package/conflicts, :package/replaces and :package/provides, alternatives among them.
:package/real says that there is such a package, and not only its name. The fields as they were, with versions, are kept
as :package/depends-text and the like.

Examples:
  apt-cache dumpavail | asof import debian -
  asof q '[:find [?n ...] :in $ % ?p :where [?x :package/name ?p] (needs ?x ?y) [?y :package/name ?n]]' \
    '[[(needs ?x ?y) [?x :package/depends ?y]] [(needs ?x ?y) [?x :package/depends ?z] (needs ?z ?y)]]' '"bash"'"#;
