"""Data in the form of the Cleveland heart disease study, made by a rule: no patient stands behind any row.

The columns, their meaning and their ranges are those of the "Heart Disease" set of the UCI repository (303 patients,
1988); the values are drawn, with a fixed seed, and the disease follows from them by the rule in `assess_risk` and some
chance. So nothing is downloaded, everything may be passed on, and one knows what a model could learn.

    python data.py heart.csv
"""

import sys

import numpy as np
import pandas as pd

PATIENTS = 2000
CATEGORIES = ["sex", "cp", "fbs", "restecg", "exang", "slope", "thal"]


def make_patients(count: int = PATIENTS, seed: int = 1988) -> pd.DataFrame:
    """Thirteen measurements a patient and `target`: 1 with heart disease, 0 without."""
    source = np.random.default_rng(seed)
    age = source.normal(54, 9, count).clip(29, 77).round()
    thalach = (220 - age - source.gamma(2.0, 12.0, count)).clip(71, 202).round()
    patients = pd.DataFrame(
        {
            "age": age.astype(int),
            "sex": source.choice(["female", "male"], count, p=[0.32, 0.68]),
            "cp": source.choice(["typical", "atypical", "non-anginal", "none"], count, p=[0.08, 0.17, 0.28, 0.47]),
            "trestbps": source.normal(131, 17, count).clip(94, 200).round().astype(int),
            "chol": source.normal(246, 51, count).clip(126, 564).round().astype(int),
            "fbs": source.choice(["normal", "high"], count, p=[0.85, 0.15]),
            "restecg": source.choice(["normal", "abnormal", "hypertrophy"], count, p=[0.5, 0.02, 0.48]),
            "thalach": thalach.astype(int),
            "exang": source.choice(["no", "yes"], count, p=[0.67, 0.33]),
            "oldpeak": source.gamma(1.0, 1.0, count).clip(0, 6.2).round(1),
            "slope": source.choice(["up", "flat", "down"], count, p=[0.47, 0.46, 0.07]),
            "ca": source.choice([0, 1, 2, 3], count, p=[0.58, 0.22, 0.13, 0.07]),
            "thal": source.choice(["normal", "fixed", "reversible"], count, p=[0.55, 0.06, 0.39]),
        }
    )
    chance = 1 / (1 + np.exp(-assess_risk(patients)))
    patients["target"] = (source.random(count) < chance).astype(int)
    return patients


def assess_risk(patients: pd.DataFrame) -> "pd.Series[float]":
    """The rule: the log of the odds of having the disease, in which a straight line sees only a part."""
    silent = (patients.cp == "none").astype(float)
    strained = (patients.thalach < 140).astype(float)
    return (
        -4.2
        + 0.03 * (patients.age - 54)
        + 0.6 * (patients.sex == "male")
        + 2.5 * silent * (patients.oldpeak > 0.6)
        + 0.006 * (patients.trestbps - 131)
        + 0.004 * (patients.chol - 246)
        + 2.2 * strained * (patients.exang == "yes")
        + 1.6 * (patients.ca > 0) * (patients.age > 52)
        + 2.4 * (patients.thal == "reversible") * (patients.sex == "male")
        + 1.5 * strained * (patients.slope != "up")
    )


if __name__ == "__main__":
    make_patients().to_csv(sys.argv[1] if len(sys.argv) > 1 else "heart.csv", index=False)
