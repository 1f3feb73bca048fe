/** The names that were known last, in a file. */
import { readFileIfThere, writeFileAtomically } from '@timonel/sdk/files';
import type { EndpointSlice, Service } from '@timonel/sdk/kube';

export interface RememberedService {
  readonly service: Service;
  readonly slices: readonly EndpointSlice[];
}

export interface ClusterMemory {
  readonly namespaces: readonly string[];
  readonly services: readonly RememberedService[];
}

/** More than any cluster has; what is larger is not remembered. */
const limitBytes = 64 * 1024 * 1024;
const formatVersion = 1;

/** Undefined: there is no such file. @throws Error when it is damaged */
export async function readMemory(file: string): Promise<ClusterMemory | undefined> {
  const text = await readFileIfThere(file);
  if (text === undefined) return undefined;
  const { version, namespaces, services } = JSON.parse(text) as Partial<ClusterMemory> & { version?: unknown };
  if (version !== formatVersion || !Array.isArray(namespaces) || !Array.isArray(services)) {
    throw new Error('it holds no names of services');
  }
  return { namespaces: namespaces as string[], services: services as RememberedService[] };
}

/** Replaces the file in one step. False: there is too much to be remembered. */
export async function writeMemory(file: string, memory: ClusterMemory): Promise<boolean> {
  const services = memory.services.map(({ service, slices }) => ({ service: bare(service), slices: slices.map(bare) }));
  const text = `${JSON.stringify({ version: formatVersion, namespaces: memory.namespaces, services })}\n`;
  if (text.length > limitBytes) return false;
  await writeFileAtomically(file, text, 0o600);
  return true;
}

function bare<T extends Service | EndpointSlice>(object: T): T {
  const { namespace, name, labels } = object.metadata;
  return { ...object, metadata: { namespace, name, labels }, status: undefined };
}
