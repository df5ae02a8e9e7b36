import trialplate from './index.js';

export const { Canary, Check, Dataset, Experiment, Gate, Prompt, Run, Scorer, Store, TrialplateError, doctor, open, output, stats } = trialplate;
export default trialplate;
