"""Self-training on a target's sure nuclei, with and without stored vectors, beside the statistics alone."""

from __future__ import annotations

from typing import Any

from mani_monai import Model
from mani_monai.data.datalists import data_set_names, load_source_list
from mani_monai.utils import InputError
from studies.kept_pairs import KeptPairs, named_bundles, pair_of, settings_of
from studies.self_training_page import ROW, SEED, TRAINED, WITH_PROTOTYPES, gains_table, ways_table
from studies.self_training_pairs import measured_ways
from studies.statistics_pairs import tissues_of_set


def self_training(
    bundles: str | tuple[str, ...],
    data: str | tuple[str, ...],
    dataset_dir: str = "data",
    split: str = "split_0",
    out: str | None = None,
    most: int | None = None,
    sources: str | None = None,
    tissues: str | None = None,
    seeds: int | tuple[int, ...] = 0,
    options: dict[str, Any] | None = None,
) -> None:
    """Prints figures and verdicts of a model, of its chosen statistics, and of trainings that start from them.

    Labels of the target choose nothing: ``studies/results/self_training_plan.md`` and ``trained_plan.md`` have the
    rules. What is trained, measured and judged comes from the functions that mani adapt calls.

    Args:
        bundles: a run's folder, an exported folder or a zip; or several with commas.
        data: the labelled data set, by name; or several with commas.
        dataset_dir: folder of the data sets that mani prepare wrote.
        split: the split whose images, of all parts, are taken.
        out: a CSV file that receives a row a model, tissue and way; pairs that it holds are not made again.
        most: images of a tissue, at most; all by default.
        sources: the labelled data set that the models were trained on; with it, stored vectors of it are tried, too.
        tissues: names with commas; all by default.
        seeds: of the trainings, with commas.
        options: further overrides of the trainings' configs.

    Raises:
        InputError: as of :func:`studies.statistics_command.statistics`.
    """
    kept = KeptPairs(out)
    own = {name: str(value) for name, value in (options or {}).items()}
    asked = seeds if isinstance(seeds, tuple) else (seeds,)
    ways = (TRAINED,) if sources is None else (TRAINED, WITH_PROTOTYPES)
    trainings = [(way, seed) for way in ways for seed in asked]
    wanted = None if tissues is None else tissues.split(",")
    for bundle in named_bundles(bundles):
        model = Model.open(bundle)
        settings = settings_of(model, split, most)
        labelled = None if sources is None else load_source_list(dataset_dir, sources, split)
        for name in data_set_names(data):
            for tissue, items in tissues_of_set(dataset_dir, name, split, most).items():
                pair = pair_of(bundle, name, tissue)
                held = kept.held(pair, settings)
                done = {(row[ROW], row.get(SEED)) for row in held}
                missing = [training for training in trainings if training not in done]
                if (wanted is not None and tissue not in wanted) or not missing:
                    continue
                for row in measured_ways(model, items, missing, labelled, own):
                    if SEED in row or row[ROW] not in {way for way, _ in done}:
                        kept.add(pair, settings, [row])
    if not kept.rows:
        raise InputError(f"--data {data}: no tissue has enough labelled images; name another data set.")
    print(f"{ways_table(kept.table)}\n\n{gains_table(kept.table)}")
