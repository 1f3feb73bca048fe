import type { ResourceDefinition, Strategy, SubresourceHandler } from '@timonel/sdk/contracts/api-server';
import { ApiError, dnsLabelProblems, namespaces, type FieldError, type Namespace } from '@timonel/sdk/kube';
import { defineKind } from '../definition.ts';
import { ageColumn, column, nameColumn } from '../table/columns.ts';
import { age } from '../table/time.ts';
import { Findings } from '../validation/findings.ts';
import { fieldOf, isObject, itemsOf, objectOf, textOf } from '../validation/loose.ts';
import { qualifiedNameProblems } from '@timonel/sdk/kube';

const nameLabel = 'kubernetes.io/metadata.name';

function finalizersOf(namespace: Namespace): string[] {
  return itemsOf(objectOf(namespace.spec).finalizers).filter((item) => typeof item === 'string');
}

function checkFinalizers(finalizers: readonly unknown[], found: Findings): void {
  for (const [index, finalizer] of finalizers.entries()) {
    const text = textOf(finalizer);
    found.problems(`spec.finalizers[${index}]`, text, qualifiedNameProblems(text));
    if (!text.includes('/') && text !== 'kubernetes')
      found.invalid(
        `spec.finalizers[${index}]`,
        text,
        'name is neither a standard finalizer name nor is it fully qualified',
      );
  }
}

const strategy: Strategy<Namespace> = {
  default(namespace) {
    const { name } = namespace.metadata;
    if (typeof name !== 'string' || name === '') return;
    namespace.metadata.labels ??= {};
    if (isObject(namespace.metadata.labels)) namespace.metadata.labels[nameLabel] = name;
  },
  prepareForCreate(namespace) {
    const finalizers = finalizersOf(namespace);
    namespace.spec = { finalizers: finalizers.includes('kubernetes') ? finalizers : [...finalizers, 'kubernetes'] };
    namespace.status = { phase: 'Active' };
  },
  prepareForUpdate(namespace, old) {
    namespace.spec = { finalizers: finalizersOf(old) };
    if (old.status === undefined) delete namespace.status;
    else namespace.status = old.status;
  },
  validate(namespace): FieldError[] {
    const found = new Findings();
    checkFinalizers(itemsOf(objectOf(namespace.spec).finalizers), found);
    return found.all();
  },
  validateStatusUpdate(namespace, old): FieldError[] {
    const found = new Findings();
    const phase = objectOf(namespace.status).phase;
    const deleting = Boolean(old.metadata.deletionTimestamp);
    if (!deleting && phase !== 'Active')
      found.invalid('status.Phase', phase, "may only be 'Active' if `deletionTimestamp` is empty");
    if (deleting && phase !== 'Terminating')
      found.invalid('status.Phase', phase, "may only be 'Terminating' if `deletionTimestamp` is not empty");
    return found.all();
  },
  finalizers: finalizersOf,
  prepareForDelete(namespace) {
    namespace.status = { ...objectOf(namespace.status), phase: 'Terminating' };
  },
  selectableFields(namespace) {
    return { 'status.phase': textOf(objectOf(namespace.status).phase), name: textOf(namespace.metadata.name) };
  },
  cells(namespace, context) {
    return [textOf(namespace.metadata.name), textOf(objectOf(namespace.status).phase), age(namespace, context)];
  },
};

/** PUT of a namespace whose `spec.finalizers` replaces that of the stored one. The server removes it when none is left. */
const finalize: SubresourceHandler<Namespace> = {
  methods: ['PUT', 'POST'],
  kind: 'Namespace',
  async handle(request, access) {
    const finalizers = itemsOf(fieldOf(fieldOf(request.body, 'spec'), 'finalizers') as unknown[]);
    const found = new Findings();
    checkFinalizers(finalizers, found);
    const [first] = found.all();
    if (first !== undefined)
      throw new ApiError('Invalid', `Namespace "${request.name}" is invalid: ${first.field}: ${first.message}`, {
        name: request.name,
        kind: 'Namespace',
        causes: found.all(),
      });
    const wanted = fieldOf(fieldOf(request.body, 'metadata'), 'resourceVersion');
    const object = await access.update((namespace) => {
      if (typeof wanted === 'string' && wanted !== '' && wanted !== namespace.metadata.resourceVersion)
        throw new ApiError(
          'Conflict',
          `Operation cannot be fulfilled on namespaces "${request.name}": the object has been modified; please apply your changes to the latest version and try again`,
          { name: request.name, kind: 'namespaces' },
        );
      namespace.spec = { finalizers: finalizers as string[] };
    });
    return { kind: 'object', status: 200, object };
  },
};

export const namespaceKind: ResourceDefinition<Namespace> = defineKind({
  type: namespaces,
  schema: 'io.k8s.api.core.v1.Namespace',
  shortNames: ['ns'],
  status: true,
  statusMetadata: true,
  subresources: { finalize },
  // One at a time: each takes everything in it along.
  withoutVerbs: ['deletecollection'],
  nameProblems: dnsLabelProblems,
  columns: [nameColumn, column('Status', 'The phase of the namespace.'), ageColumn],
  strategy,
});
