// Why a prediction is missing, in words for people. A reason without words here is shown as it is: it is never hidden.
const WORDS: Record<string, string> = {
  'no-model': 'no model is in force',
  'not-a-customer': 'no purchase on record',
  contractual: 'under contract',
  'not-eligible': 'already gone',
  'horizon-not-served': 'no model in force answers this horizon',
  'beyond-follow-up': 'nobody was observed for so long',
  'unknown-feature-set': 'the model was trained by another version',
  'bad-feature': 'the model cannot read one of the features',
  'left-truncated': 'may have bought before the data begin',
  'no-money-model': 'the model has no money part',
  'no-purchase': 'no purchase on record',
  anonymous: 'not known by name',
  erased: 'erased',
  'without-rate': 'some money has no exchange rate',
  'infinite-mean': 'the mean of spend is not finite',
  'invalid-history': 'the history contradicts itself',
};
export const reasonWords = (reason: string): string => WORDS[reason] ?? reason;
