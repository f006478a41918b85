#!/usr/bin/env bash
# Imports the metadata of Debian's packages and asks what a package needs, what needs it, and whether apt says the same.
#
#   examples/debian_packages.sh [PACKAGE] [DATABASE]
#
# Run again on another day, and what changed is history.
set -euo pipefail

here=$(cd "$(dirname "$0")/.." && pwd)
package=${1:-bash}
db=${2:-$here/target/debian-packages}

cargo build --quiet --release -p asof-repl --manifest-path "$here/Cargo.toml"
asof() { "$here/target/release/asof" "$@"; }

printf '\n== Packages, and references to what they depend on\n'
apt-cache dumpavail | asof import debian - --db "$db"

# An alternative is as good as what it stands beside, and so is what provides a name that is asked for in any version, or in one that
# is provided. A text stands for each version, and texts are in Debian's order of versions.
rules='[[(step ?p ?q) [?p :package/depends ?q]]
        [(step ?p ?q) [?p :package/pre-depends ?q]]
        [(step ?p ?q) [?p :package/unversioned ?n] [?q :package/provides ?n]]
        [(step ?p ?q) [?p :package/needs-version ?need] [(untuple ?need) [?name ?operator ?asked]]
                       [?n :package/name ?name] [?q :package/provides ?n]
                       [?q :package/provides-version ?provided] [(untuple ?provided) [?name ?has]]
                       (or (and [(= ?operator "=")] [(= ?has ?asked)])
                           (and [(= ?operator ">=")] [(>= ?has ?asked)])
                           (and [(= ?operator ">>")] [(> ?has ?asked)])
                           (and [(= ?operator "<=")] [(<= ?has ?asked)])
                           (and [(= ?operator "<<")] [(< ?has ?asked)]))]
        [(needs ?p ?q) (step ?p ?q)]
        [(needs ?p ?q) (step ?p ?x) (needs ?x ?q)]]'
ask() { asof q "$1" "$rules" "\"$package\"" --db "$db" --format csv | tail -n +2; }
needed='[:find ?n :in $ % ?p :where [?x :package/name ?p] (needs ?x ?y) [?y :package/name ?n]]'
needing='[:find ?n :in $ % ?p :where [?x :package/name ?p] (needs ?y ?x) [?y :package/real true] [?y :package/name ?n]]'

printf '\n== All that %s needs\n' "$package"
ask "$needed" | column -c 120

printf '\n== How many packages need %s\n' "$package"
ask "$needing" | wc -l

printf '\n== What apt and asof see differently (nothing)\n'
apt-cache depends --recurse --important "$package" |
    sed -nE 's/^[^ |]/&/p; s/^[ |]+(Pre)?Depends: //p' | tr -d '<>' | cut -d: -f1 | grep -vxF "$package" | sort -u |
    { diff - <(ask "$needed" | grep -vxF "$package" | sort -u) || true; }
