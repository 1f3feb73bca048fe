import { join } from 'node:path';
import { instanceOf } from '@timonel/sdk/linux';

/** Where the state is. */
export interface Layout {
  readonly sandboxes: string;
  readonly containers: string;
  /** Conmon writes the exit codes of containers there, one file each. */
  readonly exits: string;
  /** State of the OCI runtime. */
  readonly state: string;
  /** What the OCI runtime says, a file a call. */
  readonly calls: string;
  /** A root file system with nothing but the first process of sandboxes. */
  readonly pauseRoot: string;
  /** Of what pods with a user namespace mount: their root is nobody on the node, and passes through no private directory. */
  readonly open: string;
  sandbox(id: string): string;
  container(id: string): string;
  exitFile(id: string): string;
  openSandbox(id: string): string;
  openContainer(id: string): string;
}

export function layoutOf(dataDir: string): Layout {
  const at = (name: string): string => join(dataDir, name);
  const open = join('/run', `timonel-${instanceOf(dataDir)}`);
  return {
    sandboxes: at('sandboxes'),
    containers: at('containers'),
    exits: at('exits'),
    state: at('state'),
    calls: at('calls'),
    pauseRoot: at('pause-root'),
    open,
    sandbox: (id) => join(at('sandboxes'), id),
    container: (id) => join(at('containers'), id),
    exitFile: (id) => join(at('exits'), id),
    openSandbox: (id) => join(open, `sandbox-${id}`),
    openContainer: (id) => join(open, `container-${id}`),
  };
}
