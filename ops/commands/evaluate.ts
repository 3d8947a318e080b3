// `axiom47 evaluate`: how good a score or a forecast in a file is, and which of two is better, without a server.
import { parseArgs } from 'node:util';
import { readTable } from '../table.ts';
import { type Command, UsageError } from './command.ts';
import { evaluateForecast } from './evaluate-forecast.ts';
import { type EvaluateInput, groupColumn, numberOption } from './evaluate-input.ts';
import { asksModel, evaluateModel, evaluateModelHelp, evaluateModelNote } from './evaluate-model.ts';
import { evaluateScore } from './evaluate-score.ts';
import { asksSurvival, evaluateSurvival, evaluateSurvivalHelp, evaluateSurvivalNote } from './evaluate-survival.ts';

export const evaluate: Command = {
  name: 'evaluate',
  summary:
    'measure versions of a model against what came, or a score or a forecast in a file: AUC, Brier, calibration, profit, errors; compare two',
  help: `axiom47 evaluate --data FILE --label COL[=VALUE] --score COL [--weight COL] [--group COL] [--threshold P]
                 [--offer-cost C --offer-benefit B] [--compare COL] [--segment COL] [--svg FILE] [--json]
axiom47 evaluate --kind forecast --data FILE --actual COL --forecast COL [--weight COL] [--group COL] [--naive COL]
                 [--lower COL --upper COL --level 0.9] [--quantile COL=LEVEL …] [--cdf-below COL --cdf COL] [--train FILE --season N]
                 [--compare COL] [--json]
${evaluateSurvivalHelp}
${evaluateModelHelp}

One row per case. A score in [0, 1] is measured as a probability too; any other only by how it ranks. What is not defined is null, with why.

  --label      0/1 column, or COL=VALUE for the value that is the event
  --score      the column to measure          --weight  how many times each row counts
  --group      rows of one value belong together, e.g. a customer's snapshots: intervals allow for it
  --threshold  adds the decisions "event when score ≥ P"
  --offer-cost, --offer-benefit  what reaching one costs and what an event reached is worth: the profit at each cut and the best one
  --segment    calibration for each value of a column: expected against observed, slope and intercept
  --compare    a second score or forecast on the same rows: the difference of each metric by paired bootstrap (--draws 2000, --seed 47)
  --svg        draws the reliability diagram (Wilson bars, counts) and the ROC curve
  --kind forecast  amounts: --naive a forecast to beat; --lower, --upper an interval of coverage --level; --quantile COL=0.95 a quantile;
               --cdf-below and --cdf P(S < actual) and P(S ≤ actual) for the randomised PIT; --train an earlier series in column --actual,
               one row a period, for MASE with --season steps (1)
  --json       {auc, aucLower, aucUpper, averagePrecision, brier, brierDecomposition, logLoss, calibrationSlope, ece, reliability: [...],
               roc: [...], gain: [...], profit?, undefined: {...}, comparison?, ...}

${evaluateSurvivalNote}

${evaluateModelNote}

Examples:
  axiom47 evaluate --model churn_model@1 --model churn_model@2 --offer-cost 4 --offer-benefit 60
  axiom47 evaluate --data scored.csv --label churned --score p_churn --group customer_id --offer-cost 4 --offer-benefit 60
  axiom47 evaluate --data scored.csv --label churned --score p_old --compare p_new --group customer_id --json
  axiom47 evaluate --kind forecast --data values.csv --actual spend --forecast clv --lower p05 --upper p95 --level 0.9
  axiom47 evaluate --kind survival --data scored.csv --duration months --event ended --score risk --times 6,12 --survival 12=s12`,

  async run(argv, io) {
    if (asksModel(argv)) return evaluateModel(argv, io);
    if (asksSurvival(argv)) return evaluateSurvival(argv, io);
    const { values } = parseArgs({
      args: argv,
      options: {
        kind: { type: 'string', default: 'score' },
        data: { type: 'string' },
        label: { type: 'string' },
        score: { type: 'string' },
        weight: { type: 'string' },
        group: { type: 'string' },
        threshold: { type: 'string' },
        segment: { type: 'string' },
        'offer-cost': { type: 'string' },
        'offer-benefit': { type: 'string' },
        actual: { type: 'string' },
        forecast: { type: 'string' },
        naive: { type: 'string' },
        lower: { type: 'string' },
        upper: { type: 'string' },
        level: { type: 'string' },
        quantile: { type: 'string', multiple: true },
        'cdf-below': { type: 'string' },
        cdf: { type: 'string' },
        train: { type: 'string' },
        season: { type: 'string' },
        compare: { type: 'string' },
        draws: { type: 'string', default: '2000' },
        seed: { type: 'string', default: '47' },
        svg: { type: 'string' },
        json: { type: 'boolean', default: false },
      },
    });
    const { kind } = values;
    if (kind !== 'score' && kind !== 'forecast')
      throw new UsageError(`--kind ${kind}: score (a label and a score) or forecast (amounts)`);
    const needed = kind === 'score' ? (['data', 'label', 'score'] as const) : (['data', 'actual', 'forecast'] as const);
    for (const name of needed)
      if (values[name] === undefined) throw new UsageError(`evaluate needs --${name}; see axiom47 evaluate --help`);
    const foreign = (kind === 'score' ? FORECAST_ONLY : SCORE_ONLY).find((name) => values[name] !== undefined);
    if (foreign !== undefined)
      throw new UsageError(`--${foreign} goes with --kind ${kind === 'score' ? 'forecast' : 'score'}`);
    const table = readTable(values.data!);
    const draws = numberOption('--draws', values.draws);
    if (!(Number.isInteger(draws) && draws >= 100 && draws <= 100_000))
      throw new UsageError(`--draws ${values.draws} is not a whole number from 100 to 100000`);
    const given: EvaluateInput = {
      ...values,
      table,
      grouping: values.group === undefined ? undefined : groupColumn(table, values.group),
      draws,
      seed: numberOption('--seed', values.seed),
    };
    io.stdout(`${kind === 'score' ? evaluateScore(given, io) : evaluateForecast(given)}\n`);
    return 0;
  },
};

const SCORE_ONLY = ['label', 'score', 'threshold', 'segment', 'offer-cost', 'offer-benefit', 'svg'] as const;
const FORECAST_ONLY = [
  'actual',
  'forecast',
  'naive',
  'lower',
  'upper',
  'level',
  'quantile',
  'cdf-below',
  'cdf',
  'train',
  'season',
] as const;
