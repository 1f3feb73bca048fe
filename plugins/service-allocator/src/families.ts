/** What a service may say of address families. */
import type { FieldError, Service } from '@timonel/sdk/kube';
import type { Family } from './family-fill.ts';
import { finding } from './held-values.ts';

/** A headless service without a selector has whatever addresses its endpoints have. */
function isFree({ clusterIP, selector }: Service['spec']): boolean {
  return clusterIP === 'None' && Object.keys(selector ?? {}).length === 0;
}

/** `available`: the families of the cluster. `old`: what it says already is let be. */
export function familyProblems({ spec }: Service, available: readonly Family[], old?: Service): FieldError[] {
  const said = ({ ipFamilies, ipFamilyPolicy }: Partial<Service['spec']>): string =>
    JSON.stringify([ipFamilies, ipFamilyPolicy]);
  if (isFree(spec) || (old?.spec !== undefined && said(old.spec) === said(spec))) return [];
  const listed: unknown = spec.ipFamilies;
  const families = Array.isArray(listed) ? (listed as unknown[]) : [];
  const found: FieldError[] = [];
  if (spec.ipFamilyPolicy === 'RequireDualStack' && available.length < 2) {
    const why = 'this cluster is not configured for dual-stack services';
    found.push(finding('spec.ipFamilyPolicy', spec.ipFamilyPolicy, why));
  }
  if (spec.ipFamilyPolicy === 'SingleStack' && families.length > 1) {
    const why = 'must be RequireDualStack or PreferDualStack when multiple IP families are specified';
    found.push(finding('spec.ipFamilyPolicy', spec.ipFamilyPolicy, why));
  }
  families.forEach((family, index) => {
    if ((family === 'IPv4' || family === 'IPv6') && !available.includes(family))
      found.push(finding(`spec.ipFamilies[${index}]`, family, 'not configured on this cluster'));
  });
  return found;
}
