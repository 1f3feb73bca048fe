/** Ingresses as routes. */
import { ingresses, objectKey, type Ingress, type IngressBackend, type IngressPath } from '@timonel/sdk/kube';
import { checkCertificate } from '../cluster/certificates.ts';
import type { ClusterObjects } from '../cluster/objects.ts';
import type { Problem } from '../cluster/problem.ts';
import type { Upstreams } from '../cluster/upstreams.ts';
import { isLongPath, longestPath } from '../haproxy/words.ts';
import { hostKey, hostPattern, isHostName } from '../routing/host-pattern.ts';
import {
  ownerKey,
  type Behaviour,
  type Certificate,
  type HostPattern,
  type Route,
  type Target,
} from '../routing/model.ts';
import { settingsOf, type IngressSettings } from './annotations.ts';
import { servedBy } from './classes.ts';

export interface IngressPorts {
  /** 0: none. */
  readonly http: number;
  readonly https: number;
}

export interface IngressRoutes {
  readonly served: readonly Ingress[];
  readonly routes: readonly Route[];
  readonly certificates: readonly Certificate[];
  readonly problems: readonly Problem[];
}

/** The older first: it keeps what a younger one also wants. */
function byAge(a: Ingress, b: Ingress): number {
  const text = (ingress: Ingress): string => `${ingress.metadata.creationTimestamp ?? ''} ${objectKey(ingress)}`;
  return text(a) < text(b) ? -1 : 1;
}

class Translation {
  readonly routes: Route[] = [];
  readonly certificates: Certificate[] = [];
  readonly problems: Problem[] = [];
  readonly #objects: ClusterObjects;
  readonly #upstreams: Upstreams;
  readonly #ports: IngressPorts;
  /** Who has a host and path, and who has a server name. */
  readonly #owners = new Map<string, string>();
  readonly #tlsOwners = new Map<string, { readonly owner: string; readonly secret: string }>();
  #count = 0;

  constructor(objects: ClusterObjects, upstreams: Upstreams, ports: IngressPorts) {
    this.#objects = objects;
    this.#upstreams = upstreams;
    this.#ports = ports;
  }

  add(ingress: Ingress): void {
    const settings = settingsOf(ingress);
    for (const finding of settings.findings) this.#say(ingress, 'AnnotationInvalid', finding);
    for (const rule of ingress.spec?.rules ?? []) {
      const host = (rule.host ?? '').toLowerCase();
      if (host !== '' && !isHostName(host)) {
        this.#say(ingress, 'HostInvalid', `the host ${host} is no DNS name, also not with a wildcard`);
        continue;
      }
      const pattern = hostPattern(host, 'one-label');
      for (const path of rule.http?.paths ?? []) this.#addPath(ingress, settings, pattern, path);
    }
    const { defaultBackend } = ingress.spec ?? {};
    // Anything else that fits goes before it: its order is the last.
    if (defaultBackend !== undefined) this.#addDefault(ingress, settings, defaultBackend);
    for (const { hosts = [], secretName } of ingress.spec?.tls ?? []) this.#addCertificate(ingress, hosts, secretName);
  }

  #say(object: Ingress, reason: string, message: string, unblock?: string): void {
    this.problems.push({ type: ingresses, object, reason, message, ...(unblock === undefined ? {} : { unblock }) });
  }

  #isTaken(ingress: Ingress, what: string, text: string): boolean {
    const key = objectKey(ingress);
    const owner = this.#owners.get(what);
    if (owner === undefined) this.#owners.set(what, key);
    if (owner === undefined || owner === key) return false;
    this.#say(
      ingress,
      'HostClash',
      `${text} is served by the Ingress ${owner}, which is older`,
      'use another host or path',
    );
    return true;
  }

  #addPath(ingress: Ingress, settings: IngressSettings, host: HostPattern, item: IngressPath): void {
    const kind = item.pathType === 'Exact' ? 'exact' : 'prefix';
    const value = item.path === undefined || item.path === '' ? '/' : item.path;
    if (isLongPath(value)) {
      this.#say(ingress, 'PathInvalid', `a path has more than ${longestPath} bytes`);
      return;
    }
    const shown = `${host.kind === 'any' ? 'every host' : `${host.kind === 'exact' ? '' : '*.'}${host.name}`} with the path ${value}`;
    const plain = kind === 'exact' ? value : value.replace(/\/+$/, '');
    if (this.#isTaken(ingress, `${hostKey(host)} ${kind} ${plain}`, shown)) return;
    const { rewriteTo } = settings;
    const path =
      rewriteTo === undefined
        ? undefined
        : kind === 'exact'
          ? ({ kind: 'full', to: rewriteTo } as const)
          : ({ kind: 'prefix', from: value, to: rewriteTo } as const);
    const behaviour = { ...settings.behaviour, ...(path === undefined ? {} : { path }) };
    const target = this.#target(ingress, item.backend, behaviour);
    const owner = ownerKey(ingresses, ingress);
    this.#push(settings, { host, path: { kind, value }, conditions: [], target, owner }, 'a');
  }

  #addDefault(ingress: Ingress, settings: IngressSettings, backend: IngressBackend): void {
    if (this.#isTaken(ingress, 'default backend', 'what fits no rule')) return;
    const host: HostPattern = { kind: 'any', name: '' };
    const target = this.#target(ingress, backend, settings.behaviour);
    const owner = ownerKey(ingresses, ingress);
    this.#push(settings, { host, path: { kind: 'prefix', value: '/' }, conditions: [], target, owner }, 'z');
  }

  #push(settings: IngressSettings, route: Omit<Route, 'ports' | 'order'>, rank: string): void {
    const { http, https } = this.#ports;
    const order = `${rank}${String(this.#count++).padStart(8, '0')}`;
    if (https !== 0) this.routes.push({ ...route, ports: [https], order });
    if (http === 0) return;
    const redirect = { status: 308, scheme: 'https', ...(https === 443 ? {} : { port: https }) } as const;
    const target: Target = settings.redirectsToTls && https !== 0 ? { kind: 'redirect', redirect } : route.target;
    this.routes.push({ ...route, target, ports: [http], order });
  }

  #target(ingress: Ingress, backend: IngressBackend, behaviour: Behaviour): Target {
    const { service, resource } = backend;
    if (service === undefined) {
      const kind = resource?.kind ?? 'unknown';
      this.#say(ingress, 'BackendNotSupported', `backends of the kind ${kind} are not served: name a service`);
      return { kind: 'status', status: 503 };
    }
    const { namespace = '' } = ingress.metadata;
    const resolved = this.#upstreams.resolve(namespace, service.name, service.port?.name ?? service.port?.number);
    if (resolved.found) return { kind: 'choices', choices: [{ upstream: resolved.id, weight: 1, behaviour }] };
    this.#say(ingress, resolved.reason, resolved.message);
    return { kind: 'status', status: 503 };
  }

  #addCertificate(ingress: Ingress, hosts: readonly string[], secretName: string | undefined): void {
    if (secretName === undefined || secretName === '') return;
    const key = `${ingress.metadata.namespace ?? ''}/${secretName}`;
    const checked = checkCertificate(key, this.#objects.secret(key));
    if (!checked.usable) {
      this.#say(ingress, checked.reason, checked.message);
      return;
    }
    const names = hosts.map((host) => host.toLowerCase()).filter((host) => isHostName(host));
    const free = names.filter((host) => this.#ownsTls(ingress, host, key));
    if (names.length > 0 && free.length === 0) return;
    this.certificates.push({ pem: checked.pem, hosts: free, owner: ownerKey(ingresses, ingress) });
  }

  /** Whether the certificate is that of the server name; the same one may be named again. */
  #ownsTls(ingress: Ingress, host: string, secret: string): boolean {
    const before = this.#tlsOwners.get(host);
    if (before === undefined) {
      this.#tlsOwners.set(host, { owner: objectKey(ingress), secret });
      return true;
    }
    if (before.secret !== secret)
      this.#say(
        ingress,
        'HostClash',
        `the certificate of ${host} is given by the Ingress ${before.owner}, which is older`,
      );
    return false;
  }
}

/** Routes of all Ingresses that are served here, and what is wrong with them. */
export function ingressRoutes(objects: ClusterObjects, upstreams: Upstreams, ports: IngressPorts): IngressRoutes {
  const served = objects.ingresses().filter(servedBy(objects.ingressClasses())).toSorted(byAge);
  const translation = new Translation(objects, upstreams, ports);
  for (const ingress of served) translation.add(ingress);
  const { routes, certificates, problems } = translation;
  return { served, routes, certificates, problems };
}
