export * from './actions.ts';
export * from './claims.ts';
export * from './define-controller.ts';
export type { Effect } from './executor.ts';
export {
  controllerPart,
  runControllers,
  type ControllerPart,
  type ControllersContext,
  type RunningControllers,
} from './run-controllers.ts';
export { subjectKey, subjectOfKey } from './subjects.ts';
