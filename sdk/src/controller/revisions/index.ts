/** ControllerRevisions: what the sets whose pods keep their place looked like, so that they can look so again. */
export * from './data.ts';
export * from './history.ts';
export * from './plan.ts';
