#!/usr/bin/env bash
# The HTTP server among nonsense, for a short while (make abuse-http: a minute): it goes on, and good clients are answered.
. tests/lib/tap.sh
plan 3
RUN_TIMEOUT_S=600 run "${bin%/bin}/bench/abuse-http" 6 100 500
exits 0 'no crash, no leak, and every good client is answered'
says '^good clients: [1-9][0-9]* requests among abuse, P95 ' 'it says how they did'
says '^[0-9]+ kinds of nonsense in 6 manners: the server ended well' 'and what they were among'
