# The test functions themselves: what fails must be seen to fail.
. tests/lib/tap.sh
plan 12

cat >"$scratch/inner.sh" <<'INNER'
. tests/lib/tap.sh
plan 7
run sh -c 'echo out; echo err >&2; exit 3'
exits 3 'right'
exits 0 'wrong status'
is "$out" 'other' 'wrong text'
says '^o.t$' 'right pattern'
unlike "$err" 'er' 'unwanted pattern'
refuses 'err' 'no refusal'
echo "$scratch" >"$NOTE"
skip 'no reason'
INNER
run_shell "NOTE='$scratch/note' bash '$scratch/inner.sh'"
exits 0 'a script with failed checks goes on to its end'
says '^1\.\.7$' 'the plan comes out'
says '^ok 1 - right$' 'a true check is ok'
says '^not ok 2 - wrong status$' 'a wrong status is not ok'
says '^# wanted: exit status 0, got 3' 'and says what was wanted'
says '^not ok 3 - wrong text$' 'a wrong text is not ok'
says '^ok 4 - right pattern$' 'a matching pattern is ok'
says '^not ok 5 - unwanted pattern$' 'an unwanted pattern is not ok'
says '^not ok 6 - no refusal$' 'a refusal wants exit status 2'
says '^ok 7 # SKIP no reason$' 'a skipped check is marked'
[ ! -e "$(cat "$scratch/note")" ]
ok $? 'the scratch folder is gone afterwards'

echo '{"a": {"b": [1, true, null, "x"]}}' >"$scratch/a.json"
is "$(json "$scratch/a.json" .a.b.1) $(json "$scratch/a.json" .a.b.3) $(json "$scratch/a.json" .a.c)" 'true x null' \
    'json finds values by path'
