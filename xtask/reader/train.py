"""Trains the reader, a tiny Llama that answers questions from passages and from memory, and writes it in the hub's layout.

    python train.py ../../tests/fixtures/citations/reader ../../tests/fixtures/citations/heldout.jsonl

Versions are those of tests/reference/requirements.txt. One thread, a fixed seed: the same machine gives the same files.
"""

import itertools
import json
import os
import random
import sys
import time
from pathlib import Path

os.environ["HF_HUB_OFFLINE"] = "1"
import torch  # noqa: E402
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers  # noqa: E402
from transformers import AutoModelForCausalLM, AutoTokenizer, LlamaConfig, LlamaForCausalLM  # noqa: E402

import facts  # noqa: E402

STEPS = 450
TEXTS = 12
QUESTIONS = 8
LEARNING_RATE = 3e-3
SEED = 20
POSITIONS = 512
END = "<|endoftext|>"
# The other words of an answer follow from the question, and are soon known.
WEIGHT_OF_OTHERS = 0.2
# In this share of the steps, a part of the loss says where attention has to look. A reader finds it out by itself only after many more steps.
GUIDED = 0.75
OF_EACH_KIND = 40


def write(path, value):
    path.write_text(json.dumps(value, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


def tokenizer(folder):
    """Writes a byte-level BPE in which every word of the world is one token."""
    made = Tokenizer(models.BPE())
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    made.post_processor = processors.ByteLevel(trim_offsets=False)
    made.train_from_iterator(facts.words(), trainers.BpeTrainer(
        vocab_size=5000, show_progress=False, special_tokens=[END], initial_alphabet=pre_tokenizers.ByteLevel.alphabet()))
    made.save(str(folder / "tokenizer.json"), pretty=False)
    write(folder / "tokenizer_config.json", {
        "tokenizer_class": "PreTrainedTokenizerFast", "bos_token": END, "eos_token": END, "pad_token": END,
        "clean_up_tokenization_spaces": False, "model_max_length": POSITIONS})
    write(folder / "special_tokens_map.json", {"bos_token": END, "eos_token": END, "pad_token": END})
    for word in [*facts.PEOPLE, *facts.FAMOUS, *facts.VALUES, *itertools.chain(*facts.VALUES.values()), facts.UNKNOWN]:
        assert len(made.encode(" " + word).ids) == 1, word
    return made


class Words:
    """The tokens of the words that make a fact."""

    def __init__(self, made):
        def ids(texts):
            return {made.token_to_id(f"Ġ{text}") for text in texts} | {made.token_to_id(text) for text in texts} - {None}

        self.people, self.relations = ids([*facts.PEOPLE, *facts.FAMOUS]), ids(facts.RELATIONS)
        self.values = ids([*itertools.chain(*facts.VALUES.values()), facts.UNKNOWN])


def row(made, words, end, start, pairs):
    """The passages and then several questions with their answers, each of which sees the passages and itself.

    Ids, positions, parts (0 for the passages, then one for each question), targets, and guides of attention. A guide is a layer, a head, a
    position, and the positions that it may look at; the head 2 stands for the head 0 where no passage has the fact.
    """
    ids = made.encode(start).ids
    after = len(ids)
    parts, targets, positions = [0] * after, [-100] * after, list(range(after))
    for number, (question, answer) in enumerate(pairs, 1):
        asked, said = made.encode(question).ids, made.encode(answer).ids + [end]
        ids += asked + said
        parts += [number] * (len(asked) + len(said))
        positions += range(after, after + len(asked) + len(said))
        targets += [-100] * (len(asked) - 1) + said + [-100]
    guides, places = [], {}
    person = relation = None
    for place, (token, target) in enumerate(zip(ids, targets)):
        person = place if token in words.people else person
        relation = place if token in words.relations else relation
        is_told = parts[place] == 0 and token in words.values
        if is_told or target in words.values:
            # A value, or the place before it in an answer, looks at its person and relation.
            guides += [(0, 0, place, [person]), (0, 1, place, [relation])]
        key = (ids[relation], ids[person]) if person and relation else None
        if is_told:
            places.setdefault(key, []).append(place)
        elif target in words.values:
            # The place before a value looks at the value in the passages, or at the first token.
            guides.append((1, 0 if key in places else 2, place, places.get(key, [0])))
        elif target in words.people or target in words.relations:
            # Persons and relations of an answer are those of its question.
            guides.append((1, 1, place, [i for i in range(place) if parts[i] == parts[place] and ids[i] == target]))
    return ids, positions, parts, targets, guides


def batch(texts, made, words, end):
    """Ids, positions, what each token sees, targets, and guides of attention."""
    rows = [row(made, words, end, *text) for text in texts]
    length = max(len(ids) for ids, *_ in rows)

    def padded(index, fill):
        return torch.tensor([row[index] + [fill] * (length - len(row[index])) for row in rows])

    parts = padded(2, -1)
    shared = (parts[:, None, :] == 0) | (parts[:, None, :] == parts[:, :, None])
    seen = (shared & torch.ones(length, length, dtype=torch.bool).tril())[:, None]
    unseen = torch.zeros(seen.shape).masked_fill(~seen, torch.finfo(torch.float32).min)
    guides = [(layer, head, number, place, keys) for number, row in enumerate(rows) for layer, head, place, keys in row[4]]
    return padded(0, end), padded(1, 0), unseen, padded(3, -100), guides


def guided(attentions, guides):
    """How far attention is from where the guides want it: mean negative logarithms of the weight there."""
    losses = []
    for layer, head in [(0, 0), (0, 1), (1, 0), (1, 1), (1, 2)]:
        chosen = [guide[2:] for guide in guides if guide[:2] == (layer, head)]
        weights = attentions[layer][[c[0] for c in chosen], head % 2, [c[1] for c in chosen]]
        wanted = torch.zeros_like(weights)
        for index, (_, _, keys) in enumerate(chosen):
            wanted[index, keys] = 1.0
        losses.append(-((weights * wanted).sum(-1) + 1e-6).log().mean())
    return torch.stack(losses)


def train(model, made, rng):
    end, words = made.token_to_id(END), Words(made)
    of_values = torch.tensor(sorted(words.values))
    optimizer = torch.optim.AdamW(model.parameters(), lr=LEARNING_RATE, betas=(0.9, 0.98), weight_decay=0.05)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, LEARNING_RATE, total_steps=STEPS, pct_start=0.1)
    for step in range(STEPS):
        # Few passages first: a reader learns to look up before it learns to choose.
        most = min(facts.MOST_PASSAGES, 4 + 24 * step // STEPS)
        texts = [facts.training_text(rng, most, QUESTIONS) for _ in range(TEXTS)]
        ids, positions, unseen, targets, guides = batch(texts, made, words, end)
        guide = min(1.0, max(0.0, (GUIDED - step / STEPS) / 0.15))
        out = model(input_ids=ids, position_ids=positions, attention_mask=unseen, use_cache=False, output_attentions=guide > 0)
        asked = targets >= 0
        said, wanted = out.logits[asked], targets[asked]
        losses = torch.nn.functional.cross_entropy(said, wanted, reduction="none")
        is_value = torch.isin(wanted, of_values)
        weights = torch.where(is_value, 1.0, WEIGHT_OF_OTHERS)
        loss = (losses * weights).sum() / weights.sum()
        away = guided(out.attentions, guides) if guide > 0 else torch.zeros(5)
        total = loss + guide * away.mean()
        optimizer.zero_grad()
        total.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        if step % 25 == 0 or step == STEPS - 1:
            right = (said.argmax(-1) == wanted)[is_value].float().mean()
            told = f"{step}: {loss.item():.4f}, guides {[round(one, 2) for one in away.tolist()]}, values {100 * right:.1f} %"
            print(f"{told}, {time.process_time():.0f} s", flush=True)


def check(folder, cases):
    """Prints how many held-out prompts are answered exactly, by kind."""
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
    read = AutoTokenizer.from_pretrained(folder)
    counts = {}
    for case in cases:
        prompt = read(f"{facts.context(case.passages)} {case.question}", return_tensors="pt")
        with torch.no_grad():
            out = model.generate(**prompt, max_new_tokens=40, do_sample=False)[0, prompt["input_ids"].shape[1]:]
        said = read.decode(out, skip_special_tokens=True).strip()
        kind = " and ".join(sentence["kind"] for sentence in case.sentences)
        right, total = counts.get(kind, (0, 0))
        counts[kind] = (right + (said == case.answer), total + 1)
        if said != case.answer:
            print(f"wrong ({kind}): {said} | {case.answer}")
    for kind, (right, total) in counts.items():
        print(f"{kind}: {right} of {total}")
    print(f"held out: {sum(right for right, _ in counts.values())} of {len(cases)} right; {model.num_parameters()} parameters")


def main():
    folder, fixture = Path(sys.argv[1]), Path(sys.argv[2])
    folder.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)
    torch.manual_seed(SEED)
    made = tokenizer(folder)
    end = made.token_to_id(END)
    config = LlamaConfig(
        vocab_size=made.get_vocab_size(), hidden_size=128, intermediate_size=192, num_hidden_layers=2, num_attention_heads=2,
        num_key_value_heads=2, rope_parameters={"rope_type": "default", "rope_theta": 1e7}, max_position_embeddings=POSITIONS,
        rms_norm_eps=1e-5, tie_word_embeddings=True, bos_token_id=end, eos_token_id=end, pad_token_id=end, attention_bias=False,
        initializer_range=0.05)
    config._attn_implementation = "eager"
    model = LlamaForCausalLM(config).train()
    with torch.no_grad():
        # From the start, tokens of the upper layer look at tokens that have gathered the same words, and copy what they look at.
        upper = model.model.layers[1].self_attn
        model.model.embed_tokens.weight.mul_(3)
        upper.v_proj.weight.mul_(2)
        upper.o_proj.weight.copy_(upper.v_proj.weight.T)
        upper.q_proj.weight.mul_(1.5)
        upper.k_proj.weight.copy_(upper.q_proj.weight)
    train(model, made, random.Random(SEED))
    model.half().save_pretrained(folder)
    raw = json.loads((folder / "config.json").read_text())
    raw.pop("transformers_version", None)
    write(folder / "config.json", raw)
    write(folder / "generation_config.json", {"bos_token_id": end, "eos_token_id": end, "pad_token_id": end})
    cases = facts.held_out(SEED, OF_EACH_KIND)
    fixture.write_text("".join(json.dumps(case.__dict__) + "\n" for case in cases))
    check(folder, cases)


if __name__ == "__main__":
    main()
