import type { ContainerRuntime, RootFilesystem } from '@timonel/sdk/contracts/runtime';
import type { LogLimits } from '@timonel/sdk/linux';

/** A container runtime under test. */
export interface RuntimeUnderTest {
  readonly runtime: ContainerRuntime;
  readonly image: RootFilesystem;
  /** An absolute path; need not exist yet. */
  readonly logDirectory: string;
  /** What the containers of the suite run. */
  readonly commands: RuntimeCommands;
  /** Drops the runtime as a restart of the agent does, and makes it anew upon the same state. Containers go on meanwhile. */
  restart(): Promise<ContainerRuntime>;
  /** Removes everything. */
  close(): Promise<void>;
}

/** How to say these things to the runtime under test; see {@link shellCommands}. */
export interface RuntimeCommands {
  /** Runs until a signal ends it; SIGTERM ends it with exit code 0. */
  readonly run: readonly string[];
  /** Runs until SIGKILL. */
  readonly runIgnoringTerm: readonly string[];
  /** Runs until SIGQUIT, which ends it with exit code 4, or SIGKILL. Undefined: the runtime sends no real signals. */
  readonly runUntilQuit: readonly string[] | undefined;
  /** What these print once signals are handled so. Undefined: they are from the start. */
  readonly readyLine: string | undefined;
  /** Ends by itself after some 300 ms with exit code 5. */
  readonly endSoon: readonly string[];
  exit(code: number): readonly string[];
  /** Prints a line to stdout, one to stderr, and ends. Undefined: the runtime writes no logs. */
  print: ((out: string, err: string) => readonly string[]) | undefined;
  /** For exec and attach: copies stdin to stdout, then ends with exit code 3. Undefined: the runtime has neither. */
  readonly copyInput: readonly string[] | undefined;
  /**
   * Listens on 127.0.0.1 and sends back what it receives, but `end`, at which it ends its direction. Prints all that one client said
   * when that has ended its own. Undefined: the runtime has no network, or no such program.
   */
  readonly echoServer: ((port: number) => readonly string[]) | undefined;
  /** False: the runtime has no limits, and refuses to change them. Absent: it keeps them. */
  readonly keepsLimits?: boolean;
  /** Takes this much memory, prints `full`, and keeps it until a signal ends it. Absent: the runtime measures no memory. */
  readonly takeMemory?: (bytes: number) => readonly string[];
  /** Runs a POSIX shell script. Absent: the runtime does not isolate, or not in every respect of the suite. */
  readonly shell?: (script: string) => readonly string[];
  /** Those that the runtime was made with. Absent: its logs are without. */
  readonly logLimits?: LogLimits;
  /** Kills itself with SIGKILL. */
  readonly killItself: readonly string[];
  /** Names a program that is not there. */
  readonly absent: readonly string[];
}

const echoScript = `require("net").createServer({ allowHalfOpen: true }, (c) => {
  let said = "";
  c.on("error", () => undefined);
  c.on("data", (d) => { said += d; if (c.writable) String(d) === "end" ? c.end() : c.write(d); });
  c.on("end", () => { console.log(said); c.end(); });
}).listen(Number(process.argv[1]), "127.0.0.1")`;

const takeScript = `const kept = Buffer.alloc(Number(process.argv[1]), 1);
console.log("full");
setInterval(() => kept[0], 60000)`;

/** For runtimes that run real programs: wants `sh`, `sleep` and `node` in the image. */
export const shellCommands: RuntimeCommands = {
  run: ['sh', '-c', 'trap "exit 0" TERM; echo ready; while :; do sleep 0.05; done'],
  runIgnoringTerm: ['sh', '-c', 'trap "" TERM; echo ready; while :; do sleep 0.05; done'],
  runUntilQuit: ['sh', '-c', 'trap "" TERM; trap "exit 4" QUIT; echo ready; while :; do sleep 0.05; done'],
  readyLine: 'ready',
  endSoon: ['sh', '-c', 'sleep 0.3; exit 5'],
  exit: (code) => ['sh', '-c', `exit ${code}`],
  print: (out, err) => ['sh', '-c', 'echo "$0"; echo "$1" >&2', out, err],
  copyInput: ['sh', '-c', 'while read -r line; do echo "$line"; done; exit 3'],
  echoServer: (port) => ['node', '-e', echoScript, String(port)],
  takeMemory: (bytes) => ['node', '-e', takeScript, String(bytes)],
  // pid 1 of a container is safe from its own signals: a child dies of it, and the shell passes 137 on
  killItself: ['sh', '-c', 'sh -c "kill -9 \\$\\$"'],
  absent: ['no-such-program-anywhere'],
};

/** Which {@link isolatedCommands} expect the runtime to be made with. */
export const logLimits: LogLimits = { logMaxBytes: 50_000, logMaxFiles: 3 };

/** And isolate them, and bound their logs. */
export const isolatedCommands: RuntimeCommands = {
  ...shellCommands,
  logLimits,
  shell: (script) => ['sh', '-c', script],
};
