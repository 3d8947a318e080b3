"""How much a boosted-trees model would gain over Axiom47's logistic on the same rows; outside the product, not part of CI.

    apt-get install python3-sklearn python3-xgboost
    python3 ops/yardstick/boosted_trees.py telco_churn.csv | column -t -s'|'

Rows: the IBM Telco table; 0-based row i is test when i % 5 == 0. The trees get every column (categories as ordinal codes declared categorical
for HistGradientBoosting, as dummies for XGBoost); their settings are chosen by 5-fold cross-validated log loss on the training rows only, so
no test row takes part. The difference to the logistic on the test rows is judged by a paired bootstrap over rows (2,000 draws, seed 1).
"""
import csv, itertools, json, sys
import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score, brier_score_loss, log_loss, roc_auc_score
from sklearn.model_selection import StratifiedKFold, cross_val_score
from xgboost import XGBClassifier

rows = list(csv.DictReader(open(sys.argv[1])))
label = np.array([row["Churn"] == "Yes" for row in rows], dtype=int)
test = np.arange(len(rows)) % 5 == 0
numeric = ["tenure", "MonthlyCharges", "TotalCharges"]
categorical = [name for name in rows[0] if name not in numeric and name not in ("customerID", "Churn")]
number = np.array([[float(row[name].strip() or 0) for name in numeric] for row in rows])
# "No internet service" repeats in six columns and "No phone service" in one: said once, they are "No" (as in the golden values).
text = np.array([[row[name].replace("No internet service", "No").replace("No phone service", "No") if name != "InternetService" else row[name]
                  for name in categorical] for row in rows])
codes, dummies = [], []
for column in text.T:
    levels, code = np.unique(column, return_inverse=True)
    codes.append(code)
    dummies += [(code == k).astype(float) for k in range(1, len(levels))]
ordinal = np.column_stack([*codes, number])
onehot = np.column_stack([*dummies, number])
folds = StratifiedKFold(5, shuffle=True, random_state=1)


def choose(make, grid, x):
    """The setting with the least cross-validated log loss on the training rows, and the model fitted to all of them."""
    def loss(setting):
        return -cross_val_score(make(**setting), x[~test], label[~test], cv=folds, scoring="neg_log_loss").mean()
    settings = [dict(zip(grid, values)) for values in itertools.product(*grid.values())]
    best = min(settings, key=loss)
    return make(**best).fit(x[~test], label[~test]).predict_proba(x[test])[:, 1], best


mean, sd = onehot[~test].mean(0), onehot[~test].std(0)
standard = (onehot - mean) / sd
logistic = LogisticRegression(C=1, solver="newton-cholesky", tol=1e-10).fit(standard[~test], label[~test])
scores = {"logistic, L2 (C = 1)": (logistic.predict_proba(standard[test])[:, 1], {})}
flags = [True] * len(codes) + [False] * len(numeric)
scores["HistGradientBoosting"] = choose(
    lambda **s: HistGradientBoostingClassifier(categorical_features=flags, random_state=1, **s),
    {"learning_rate": [0.02, 0.05], "max_iter": [100, 200, 400], "max_leaf_nodes": [4, 8, 16], "min_samples_leaf": [20, 50], "l2_regularization": [1.0]},
    ordinal)
scores["XGBoost"] = choose(
    lambda **s: XGBClassifier(n_jobs=1, random_state=1, tree_method="hist", **s),
    {"learning_rate": [0.03], "n_estimators": [100, 200, 400], "max_depth": [2, 3, 4], "subsample": [0.7], "colsample_bytree": [0.5, 1.0], "min_child_weight": [5]},
    onehot)

truth = label[test]
rng = np.random.default_rng(1)
draws = [d for d in (rng.integers(0, len(truth), len(truth)) for _ in range(2000)) if 0 < truth[d].sum() < len(d)]
base = scores["logistic, L2 (C = 1)"][0]
print("model | AUC | minus logistic | Brier | minus logistic | log loss | average precision | setting")
for name, (score, setting) in scores.items():
    gaps = []
    for metric in (roc_auc_score, brier_score_loss):
        several = [metric(truth[d], score[d]) - metric(truth[d], base[d]) for d in draws] if score is not base else [0]
        low, high = np.quantile(several, [0.025, 0.975])
        gaps.append(f"{metric(truth, score) - metric(truth, base):+.4f} ({low:+.4f} to {high:+.4f})" if score is not base else "")
    print(f"{name} | {roc_auc_score(truth, score):.5f} | {gaps[0]} | {brier_score_loss(truth, score):.5f} | {gaps[1]} | "
          f"{log_loss(truth, score):.5f} | {average_precision_score(truth, score):.5f} | {json.dumps(setting)}")
