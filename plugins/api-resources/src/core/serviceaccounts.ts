import type { ResourceDefinition, Strategy } from '@timonel/sdk/contracts/api-server';
import { serviceAccounts, type ServiceAccount } from '@timonel/sdk/kube';
import { defineKind } from '../definition.ts';
import { tokenHandler, type TokenParts } from './serviceaccount-token.ts';
import { ageColumn, column, nameColumn } from '../table/columns.ts';
import { age } from '../table/time.ts';
import { itemsOf, textOf } from '../validation/loose.ts';

const strategy: Strategy<ServiceAccount> = {
  cells(account, context) {
    return [textOf(account.metadata.name), String(itemsOf(account.secrets).length), age(account, context)];
  },
};

export function serviceAccountKind(parts: TokenParts): ResourceDefinition<ServiceAccount> {
  return defineKind({
    type: serviceAccounts,
    schema: 'io.k8s.api.core.v1.ServiceAccount',
    shortNames: ['sa'],
    subresources: { token: tokenHandler(parts) },
    columns: [nameColumn, column('Secrets', 'The number of secrets that pods of the account may use.'), ageColumn],
    strategy,
  });
}
