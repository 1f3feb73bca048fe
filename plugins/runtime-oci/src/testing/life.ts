/** A runtime that makes one container and removes it, until something ends it: `life.ts KIND DATA-DIRECTORY PROGRAM LAYER`. */
import { join } from 'node:path';
import { createRealEnv } from '@timonel/core';
import { containerConfig, sandboxConfig } from '../../../../sdk/testkit/src/contracts/runtime/configs.ts';
import type { OciKind } from '../host.ts';
import { openRuntime } from './open-runtime.ts';

const [kind = '', dataDir = '', program = '', layer = ''] = process.argv.slice(2);
// Timers of the runtime keep no process alive.
const alive = setInterval(() => undefined, 1000);
const image = { imageId: 'sha256:test', reference: 'timonel.local/test:host', layers: [layer] };
const runtime = await openRuntime(kind as OciKind, dataDir, createRealEnv(), { program });
await runtime.runSandbox(sandboxConfig('life', join(dataDir, 'logs')));
await runtime.createContainer(containerConfig('life', 'c', image, ['sleep', '60']));
await runtime.startContainer('c').catch((error: unknown) => console.log(String(error)));
await runtime.stopContainer('c', 0);
await runtime.removeSandbox('life');
runtime.close();
clearInterval(alive);
