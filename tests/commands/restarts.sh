#!/usr/bin/env bash
# serve-production reloaded and restarted under load: no request is lost that it had taken (make soak-restarts does more).
. tests/lib/tap.sh
python3=/usr/bin/python3
[ -x $python3 ] || python3=python3
plan 2
RUN_TIMEOUT_S=600 run "$python3" tests/python/soak_restarts.py "$bin" 24 4
exits 0 'after 24 changes nobody is without an answer'
says '24 changes in [0-9]+ s, every third by SIGHUP: [0-9]+ requests, 0 lost' 'and it says so'
