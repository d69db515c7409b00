#!/usr/bin/env bash
# plan-replicas: how many a rate takes, and when to have more or fewer.
. tests/lib/tap.sh
plan 26
program=$bin/plan-replicas
"$bin/optimize-batch" --quiet --backend sim:tau0_ms=20,alpha_ms=5,noise=0.05 --models hrnet,cbam_resunet --image-size 64 \
    --batches 1,2,4,8 --p95-sla-ms 200 --seed 1 --output "$scratch/c.json" >/dev/null 2>&1
asked() { run "$program" --config "$scratch/c.json" "$@"; }
of() { perl -MJSON::PP -0777 -e 'my $o = decode_json(<STDIN>); for (@ARGV) { $o = /^\d+$/ ? $o->[$_] : $o->{$_} } print $o' "$@" <<<"$out"; }

asked --rate 400
exits 0 'a plan is made'
says '^hrnet, 400 requests/s, P95 within 200 ms, sent to whoever has fewest under way, 1 instance each$' 'it says of what'
says '^→ +[0-9]+ .* kept$' 'the number is marked'
says ' broken' 'beside one that is too few'
says '^plan +[0-9]+ replicas; [0-9]+ would do without headroom \(25 %\)$' 'with and without headroom'
says '^more +from [0-9.]+ requests/s of each on, or [0-9.]+ of each waiting or running$' 'when to have more'
says '^fewer +below [0-9.]+ requests/s in all$' 'and when fewer'
says '^cbam_resunet, ' 'each model has one'

asked --rate 400 --models hrnet --format json
exits 0 'for programs'
recommended=$(of 0 recommended) least=$(of 0 least) fewer=$(of 0 fewer_below_rps) each=$(of 0 more_above_rps_each)
ok $((recommended < least)) 'headroom never takes fewer'
between() { perl -e 'exit !($ARGV[0] < $ARGV[1] && $ARGV[1] < $ARGV[2])' "$@"; }
between 400 "$(perl -e "print $each * $recommended")" 100000
ok $? 'the rate itself needs no more than what is recommended'
between 0 "$fewer" 400
ok $? 'nor fewer'
again=$out
asked --rate 400 --models hrnet --format json
is "$out" "$again" 'asked again, the same'

asked --rate 400 --models hrnet --replicas "$least" --format json
exits 0 'the fewest are asked about'
is "$(of 0 replicas 0 keeps)" 1 'and keep the promise'
asked --rate 400 --models hrnet --replicas $((least - 1)) --format json
exits 3 'one fewer'
is "$(of 0 replicas 0 keeps)" 0 'does not'
asked --rate 400 --models hrnet --balancing round-robin --replicas "$least" --format json
is "$(of 0 balancing)" round-robin 'in turn is another fleet'
asked --rate 10 --models hrnet --headroom-percent 0
says '^plan +1 replica; 1 would do without headroom \(0 %\)$' 'one may be enough'
asked --rate 10 --models hrnet --p95-sla-ms 1
exits 3 'a promise that no request can keep'
says '^plan +none: no request keeps that promise' 'has no plan'

asked
exits 2 'without a rate'
says_error '--rate: how many requests a second' 'it is asked for'
asked --rate 5 --models resnet
exits 2 'a model that there is not'
says_error 'no model "resnet"; it has: hrnet, cbam_resunet' 'is told with those that there are'
run "$program" --config "$scratch/absent.json" --rate 5
says_error 'absent.json' 'a config that is not there is told by name'
