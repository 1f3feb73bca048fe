/** Services of the benchmark: the one that is asked, and others beside it. */
import type { ServicePortRule } from '@timonel/sdk/contracts/proxy';

export const serviceCidr = '10.96.0.0/12';
export const podCidr = '10.244.0.0/16';
export const servicePort = 80;
export const podPort = 9000;
export const endpointsEach = 3;

export interface BenchService {
  readonly name: string;
  readonly address: string;
  readonly endpoints: readonly string[];
}

/** The pods that answer. */
export const answering: readonly string[] = Array.from({ length: endpointsEach }, (_, at) => `10.244.2.${11 + at}`);
export const asked: BenchService = { name: 'asked', address: '10.96.0.10', endpoints: answering };

const spread = (prefix: string, number: number): string => `${prefix}.${(number >> 8) & 255}.${number & 255}`;

/** The one that is asked in the middle of the others, as those have no order of use. */
export function benchServices(others: number): readonly BenchService[] {
  const list = Array.from({ length: others }, (_, at): BenchService => {
    const endpoints = Array.from({ length: endpointsEach }, (_, of) => spread(`10.${128 + of}`, at));
    return { name: `other-${at}`, address: spread('10.97', at), endpoints };
  });
  return list.toSpliced(others >> 1, 0, asked);
}

export function rulesOf(services: readonly BenchService[]): readonly ServicePortRule[] {
  return services.map(({ name, address, endpoints }) => ({
    id: `default/${name}:http`,
    protocol: 'TCP',
    port: servicePort,
    clusterIPs: [address],
    externalIPs: [],
    nodePort: undefined,
    affinitySeconds: undefined,
    backends: endpoints.map((each) => ({ address: each, port: podPort, nodeName: undefined })),
  }));
}
