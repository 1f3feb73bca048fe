/**
 * Runs in the worker thread of one life of a plugin with isolation 'worker': imports the plugin's module, gives it a
 * context, and does what the kernel asks. Plain JavaScript on Node's own modules and outside of `src`, so that sources
 * and build start the very same file.
 *
 * From the kernel: `{ id, method, args }`, answered by `{ id, value }` or `{ id, error }`; `{ abort }`, not answered.
 * To the kernel, not answered: `{ tell, args }` with `tap`, `dispose`, `log` or `fault`.
 */
import { parentPort, workerData } from 'node:worker_threads';
import { createEnv } from './env.mjs';

const logLinesPerSecond = 1000;

const { name, config, dataDir, moduleUrl } = workerData;
const controller = new AbortController();
/** Functions that the kernel calls by their number: taps and clean-ups. */
const functions = new Map();
let instance = {};

const tell = (what, ...args) => parentPort.postMessage({ tell: what, args });

function problem(code, message) {
  return Object.assign(new Error(message), { code });
}

/** What of an error crosses to the kernel. Anything can be thrown. */
function portable(error) {
  const message = typeof error?.message === 'string' ? error.message : String(error);
  const code = typeof error?.code === 'string' ? error.code : undefined;
  return { message, code, stack: typeof error?.stack === 'string' ? error.stack : undefined };
}

const reportFault = (error) => tell('fault', portable(error));

function keep(fn) {
  const key = functions.size;
  functions.set(key, fn);
  return key;
}

let second = 0;
let linesInSecond = 0;

/** A plugin that logs in a loop must not fill the memory of the process: what is over the limit is dropped. */
function writeLog(level, fields, message) {
  const now = Math.floor(performance.now() / 1000);
  if (now !== second) {
    const dropped = linesInSecond - logLinesPerSecond;
    if (dropped > 0) tell('log', 'warn', { dropped }, `${dropped} log lines dropped (limit: ${logLinesPerSecond}/s)`);
    second = now;
    linesInSecond = 0;
  }
  if (++linesInSecond > logLinesPerSecond) return;
  try {
    tell('log', level, fields, message);
  } catch {
    tell('log', level, { fields: 'left out: they cannot be sent between threads' }, String(message));
  }
}

function createLogger(own) {
  const write = (level) => (fields, message) => writeLog(level, { ...own, ...fields }, message);
  return {
    debug: write('debug'),
    info: write('info'),
    warn: write('warn'),
    error: write('error'),
    child: (fields) => createLogger({ ...own, ...fields }),
  };
}

const context = Object.freeze({
  name,
  config,
  deps: Object.freeze({}),
  hooks: Object.freeze({}),
  log: createLogger({}),
  env: createEnv(reportFault),
  signal: controller.signal,
  get dataDir() {
    if (dataDir !== undefined) return dataDir;
    throw problem('ERR_PLUGIN_STATE', 'this kernel was made without data directories (dataDirOf)');
  },
  metrics() {
    throw problem('ERR_PLUGIN_STATE', `a plugin in a worker thread has no metrics: give it isolation 'in-process'`);
  },
  caller() {
    return undefined;
  },
  within() {
    throw problem('ERR_PLUGIN_STATE', `a plugin in a worker thread cannot limit calls: give it isolation 'in-process'`);
  },
  tap(hook, fn, options = {}) {
    if (hook?.$$type !== '@timonel/hook') {
      throw problem('ERR_PLUGIN_CONTRACT', 'the first argument of ctx.tap must be a hook token');
    }
    if (controller.signal.aborted) {
      throw problem('ERR_PLUGIN_STATE', `plugin '${name}' has stopped: ctx.tap is not possible any more`);
    }
    tell('tap', keep(fn), hook, options);
  },
  dispose(fn) {
    tell('dispose', keep(fn));
  },
  reportFault,
});

const methods = {
  async setup() {
    const { default: definition } = await import(moduleUrl);
    if (definition?.$$type !== '@timonel/plugin' || definition.name !== name) {
      throw problem('ERR_PLUGIN_INVALID', `the default export of ${moduleUrl} is not plugin '${name}'`);
    }
    const built = await definition.setup(context);
    if (built !== undefined && (typeof built !== 'object' || built === null)) {
      throw problem('ERR_PLUGIN_CONTRACT', 'setup must return an object or nothing');
    }
    if (Object.keys(built?.provides ?? {}).length > 0) {
      throw problem('ERR_PLUGIN_CONTRACT', `setup returned services; isolation 'worker' may only tap hooks`);
    }
    instance = built ?? {};
  },
  async start() {
    await instance.start?.(controller.signal);
  },
  async probe() {
    await instance.probe?.();
  },
  async drain(deadlineMs) {
    await instance.drain?.(deadlineMs);
  },
  async stop(reason) {
    await instance.stop?.(reason);
  },
  tap: (key, subject, hookContext) => functions.get(key)(subject, hookContext),
  async dispose(key) {
    await functions.get(key)();
  },
  ping: () => undefined,
};

async function answer({ id, method, args }) {
  let value;
  try {
    value = await methods[method](...args);
  } catch (error) {
    parentPort.postMessage({ id, error: portable(error) });
    return;
  }
  try {
    parentPort.postMessage({ id, value });
  } catch (error) {
    parentPort.postMessage({ id, error: { message: `its result cannot be sent to the kernel: ${error.message}` } });
  }
}

parentPort.on('message', (message) => {
  if (message.abort === undefined) void answer(message);
  else controller.abort(new DOMException(message.abort, 'AbortError'));
});
