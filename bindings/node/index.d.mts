import * as trialplate from './index.js';

export * from './index.js';
export default trialplate;
