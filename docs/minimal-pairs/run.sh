#!/usr/bin/env bash
# The minimal-pair study of docs/src/minimal-pairs.md, in plain `inseq` commands.
#
#     docs/minimal-pairs/run.sh [FOLDER FOR THE RESULTS]
#
# Each case is a held-out sentence of the demo grammar, its translation, and the translation with one word in its other form.
# The first command of each pair attributes the probability of the form, the second its difference to that of the other form.
set -euo pipefail
cd "$(dirname "$0")"
cases=../../tests/fixtures/demo/heldout.jsonl
results=${1:-$(mktemp -d)}
mkdir -p "$results"

mapfile -t english < <(jq -r .english "$cases")
mapfile -t french < <(jq -r .french "$cases")
# The decision is [French word, English word, other form].
other=$(jq -s '[.[] | (.french / " ") as $words | .decisions[0] as $d | [$words[:$d[0]][], $d[2], $words[$d[0] + 1:][]] | join(" ")]' "$cases")
contrast=$(jq -n --argjson other "$other" '{contrast_targets: $other, contrast_targets_alignments: "auto"}')

# ask NAME METHOD FUNCTION ARGUMENTS
ask() {
    inseq attribute -i "${english[@]}" -g "${french[@]}" -a "$2" --attributed-fn "$3" \
        --attribution-kwargs "$(jq -n --argjson a "$contrast" --argjson b "$4" '$a + $b')" \
        --step-scores contrast_prob_diff --aggregate-output --hide --save-path "$results/$1.json"
    printf '%-44s' "$1"
    python3 count.py "$cases" "$results/$1.json"
}

for method in ${METHODS:-saliency integrated_gradients occlusion shapley_value_sampling}; do
    arguments='{}'
    [[ $method == *integrated_gradients ]] && arguments='{"n_steps": 20}'
    ask "$method-probability" "$method" probability "$arguments"
    ask "$method-contrast_prob_diff" "$method" contrast_prob_diff "$arguments"
    ask "$method-contrast_prob_diff-logprob" "$method" contrast_prob_diff "$(jq -n --argjson a "$arguments" '$a + {logprob: true}')"
done
