/** What the status of a policy says of its expressions. */
import type { Cause } from '@timonel/sdk/contracts/why';
import type { ExpressionWarning, ValidatingAdmissionPolicy } from '@timonel/sdk/kube';

/** Whether it was checked as it is now. */
export function isChecked({ metadata, status }: ValidatingAdmissionPolicy): boolean {
  return status?.observedGeneration === metadata.generation && status?.typeChecking !== undefined;
}

export function warningCauses(warnings: readonly ExpressionWarning[]): readonly Cause[] {
  return warnings.map(({ fieldRef, warning }) => ({
    component: 'controller-admissionpolicy',
    code: 'ExpressionWarning',
    text: `${fieldRef} does not fit: ${warning.trim()}`,
  }));
}
