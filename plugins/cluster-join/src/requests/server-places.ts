/** Under which names and addresses the servers of the cluster are reached, also those that are away. */
import { ApiError, leases, type Lease } from '@timonel/sdk/kube';
import { identityNames, readCertificate, readCertificateFile } from '@timonel/sdk/pki';
import type { JoinParts } from '../parts.ts';
import { endpointAnnotation, serverLabel, urlAnnotation } from '../upkeep/server-leases.ts';
import { namesProblem, type ServerPlaces } from './certificate-names.ts';

function hostsOf(urls: readonly (string | undefined)[]): string[] {
  return urls.flatMap((url) =>
    url !== undefined && URL.canParse(url) ? [new URL(url).hostname.replace(/^\[|\]$/g, '')] : [],
  );
}

function placesOf({ metadata, spec }: Lease): ServerPlaces {
  const { annotations = {} } = metadata;
  return {
    name: spec?.holderIdentity ?? '',
    places: hostsOf([annotations[urlAnnotation], annotations[endpointAnnotation]]),
  };
}

/** This server is also reached by what is in its certificate: all addresses of its machine. */
async function ownPlaces({ config }: Pick<JoinParts, 'config'>): Promise<ServerPlaces> {
  const { name, url, endpoint, peerNames, pkiDirectory } = config;
  const pem = await readCertificateFile(pkiDirectory, identityNames.apiserver);
  const certified = pem === undefined ? [] : readCertificate(pem).names;
  return { name, places: [...hostsOf([url, endpoint]), ...peerNames, '127.0.0.1', '::1', ...certified] };
}

/** @throws ApiError Forbidden when a node must not have the names */
export async function checkNames(parts: JoinParts, names: readonly string[], caller: string): Promise<void> {
  const { api, config } = parts;
  const { items } = await api.list(leases, { namespace: 'kube-system', labelSelector: `${serverLabel}=true` });
  const own = await ownPlaces(parts);
  const others = items.map(placesOf).filter(({ name }) => name !== own.name);
  const problem = namesProblem({ names, caller, serviceCidr: config.serviceCidr, servers: [own, ...others] });
  if (problem !== undefined) throw new ApiError('Forbidden', problem);
}
