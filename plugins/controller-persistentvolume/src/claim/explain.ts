/** What keeps a claim from being bound, for `timonel why`. */
import type { Cause } from '@timonel/sdk/contracts/why';
import { classNameOf, isSetAsideFor, mismatch, noProvisioner, selectedNode } from '@timonel/sdk/volumes';
import { lossOf } from './loss.ts';
import { isBound, nameOf, waits, type ObservedClaim } from './observed.ts';

const component = 'controller-persistentvolume';

function cause(code: string, text: string, unblock: string, detail: Cause['detail'] = {}): readonly Cause[] {
  return [{ component, code, text, unblock, detail }];
}

function whyNamed({ named: volume, subject: claim }: ObservedClaim, name: string): readonly Cause[] {
  if (claim === undefined) return [];
  if (volume === undefined) {
    return cause('volume-missing', `the claim names volume ${name}, which does not exist`, `create volume ${name}`);
  }
  const { claimRef } = volume.spec ?? {};
  if (claimRef !== undefined && !isSetAsideFor(volume, claim)) {
    const holder = `${claimRef.namespace ?? ''}/${claimRef.name ?? ''}`;
    const text = `the claim names volume ${name}, which belongs to claim ${holder}`;
    return cause('volume-taken', text, `name another volume, or delete claim ${holder} and release the volume`, {
      volume: name,
      holder,
    });
  }
  const why = mismatch(volume, claim);
  if (why === undefined || claimRef !== undefined) return [];
  return cause('volume-mismatch', `volume ${name} does not fit: ${why}`, 'change the claim or name another volume');
}

function whyOpen(seen: ObservedClaim): readonly Cause[] {
  const { subject: claim, storageClass, candidates } = seen;
  if (claim === undefined) return [];
  const className = classNameOf(claim);
  if (className === '') {
    return cause(
      'no-class',
      'the claim has no storage class, there is no default one, and no volume without a class fits',
      'name a storage class in the claim, or mark one as the default',
    );
  }
  if (storageClass === undefined) {
    return cause('class-missing', `there is no storage class ${className}`, `create storage class ${className}`);
  }
  const { provisioner = noProvisioner } = storageClass;
  const node = claim.metadata.annotations?.[selectedNode];
  if (waits(seen) && node === undefined) {
    const text = `volumes of class ${className} are chosen when the first pod that uses the claim is placed`;
    return cause('waits-for-consumer', text, 'create a pod that uses the claim, or look at why that pod is pending');
  }
  if (provisioner === noProvisioner) {
    const text = `none of ${candidates.length} free volumes of class ${className} fits, and none is made on demand`;
    return cause('no-volume', text, `create a volume of class ${className} that is as large as the claim asks`);
  }
  const where = node === undefined ? '' : ` on node ${node}`;
  return cause(
    'provisioning',
    `the provisioner ${provisioner} has not made a volume${where} yet`,
    `see the events of the claim; a plugin that is the provisioner ${provisioner} must be running`,
    { provisioner, ...(node === undefined ? {} : { node }) },
  );
}

export function explainClaim(seen: ObservedClaim): readonly Cause[] {
  const { subject: claim } = seen;
  if (claim === undefined) return [];
  if (isBound(claim)) {
    const loss = lossOf(seen, claim);
    if (loss === undefined) return [];
    const unblock = 'bring the volume back as it was, or delete the claim and make a new one';
    return cause('lost', loss.message, unblock, { volume: claim.spec?.volumeName ?? '' });
  }
  const name = claim.spec?.volumeName ?? '';
  if (name !== '') return whyNamed(seen, name);
  if (seen.named !== undefined) return cause('binding', `volume ${nameOf(seen.named)} is being bound`, 'wait');
  return whyOpen(seen);
}
