/** Containers of tests, in short. */
import { probeImage } from '../../../images/probe-server/build.ts';

/** A container that runs a script of busybox. */
export const sh = (script: string, more: object = {}): object => ({
  name: 'c',
  image: probeImage,
  command: ['sh', '-c', script],
  ...more,
});

/** One that only goes on, and ends when it is asked. */
export const idle = (more: object = {}): object => sh("trap 'exit 0' TERM; sleep 3600 & wait", more);

/** A server of `probe-server http`. */
export const http = (more: object = {}, ...args: string[]): object => ({
  name: 'c',
  image: probeImage,
  command: ['probe-server', 'http', '8080', ...args],
  ...more,
});

/** A pod that runs its containers once. */
export const once = (container: object | readonly object[], more: object = {}): object => ({
  restartPolicy: 'Never',
  containers: [container].flat(),
  ...more,
});

/** A pod that goes on. */
export const steady = (container: object | readonly object[], more: object = {}): object => ({
  containers: [container].flat(),
  ...more,
});
