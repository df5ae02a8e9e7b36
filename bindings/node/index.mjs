import trialplate from './index.js';

export const { Canary, Check, Dataset, Gate, Prompt, Run, Scorer, Store, TrialplateError, open, output, stats } = trialplate;
export default trialplate;
