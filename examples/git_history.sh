#!/usr/bin/env bash
# Imports a git repository, the project's own by default, and asks three questions that only time can answer.
#
#   examples/git_history.sh [REPOSITORY] [DATABASE]
#
# Run again, it imports only what is new. The database stays, for further questions.
set -euo pipefail

here=$(cd "$(dirname "$0")/.." && pwd)
repo=$(cd "${1:-$here}" && pwd)
db=${2:-$here/target/git-history-$(basename "$repo")}

cargo build --quiet --release -p asof-repl --manifest-path "$here/Cargo.toml"
asof() { "$here/target/release/asof" "$@"; }
ask() { asof q "$@" --db "$db" --format table; }

printf '\n== The history of %s, a transaction for each commit\n' "$repo"
asof import git "$repo" --db "$db"

# A commit halfway through the history, to look back at.
commits=$(git -C "$repo" rev-list --first-parent --count HEAD)
half=$(git -C "$repo" rev-list --first-parent --skip $((commits / 2)) --max-count 1 HEAD)
tx=$(asof q '[:find ?tx . :in $ ?sha :where [?tx :git/sha ?sha]]' "\"$half\"" --db "$db" --format edn)
then=$(asof q '[:find ?at . :in $ ?tx :where [?tx :git/committed ?at]]' "$tx" --db "$db" --format json | tr -d '"')

printf '\n== 1. The tree at commit %s (%s), halfway through\n' "${half:0:12}" "$then"
ask '[:find ?path ?mode ?size :where [?f :file/path ?path] [?f :file/mode ?mode] [?f :file/size ?size]]' --as-of "$tx"

printf '\n== 2. Who last changed each file, as of %s\n' "$then"
ask '[:find ?path ?author ?at
      :where [?f :file/path ?path] [?f :file/blob _ ?tx] [?tx :git/author-name ?author] [?tx :git/committed ?at]]' \
    --as-of "$then"

printf '\n== 3. Files that existed once and are gone, and when they went\n'
ask '[:find ?path ?gone ?author
      :in $ $all
      :where [$all ?f :file/path ?path ?tx false]
             [?tx :git/author-name ?author] [?tx :git/committed ?gone]
             (not [$ _ :file/path ?path])]' \
    db '(history db)'
