#!/usr/bin/env bash
# Checks the commits since the rule began, so those since the last landing too: a subject of at most 72 characters,
# "area: what changed", no full stop; a blank line before a body; and a body where much changed, since no subject says why
# of several hundred lines.
#
#   tools/lint/commits.sh            since the rule began; in a clone that does not go back so far, all there are
#   tools/lint/commits.sh REVISION   those after REVISION
#
# A line for each violation; exit status 1 with any.
set -uo pipefail
cd "$(dirname "$0")/../.."
began=7db3de60c737a54b92470d828403887636cfe51d
since=${1:-$began}
lines_without_body=300

range=HEAD
if git cat-file -e "$since^{commit}" 2>/dev/null; then
    range=$since..HEAD
elif [ -n "${1:-}" ]; then
    echo "commits: $since is no commit of this clone" >&2
    exit 1
fi
if [ "$(git rev-parse --is-shallow-repository 2>/dev/null)" = true ] && [ "$range" = HEAD ]; then range='-1 HEAD'; fi

# shellcheck disable=SC2086 # two words in a shallow clone
violations=$(git rev-list --no-merges $range | while read -r commit; do
    short=$(git rev-parse --short "$commit")
    { read -r subject; read -r second || true; body=$(cat); } < <(git log -1 --format=%B "$commit")
    [ ${#subject} -le 72 ] || echo "$short: the subject has ${#subject} characters, 72 are the most: $subject"
    [[ $subject =~ ^[^:]{1,50}:\ .*[^.]$ ]] || echo "$short: the subject is not \"area: what changed\": $subject"
    [ -z "$second" ] || echo "$short: no blank line behind the subject: $subject"
    changed=$(git diff-tree --no-commit-id --numstat -r -M "$commit" | awk '{ n += $1 + $2 } END { print n + 0 }')
    [ -n "$body" ] || [ "$changed" -le $lines_without_body ] ||
        echo "$short: $changed lines change and no body says why: $subject"
done)
if [ -n "$violations" ]; then
    printf '%s\n' "$violations"
    echo "commits: $(printf '%s\n' "$violations" | wc -l) violations"
    exit 1
fi
echo "commits: good"
