export { Findings, sameJson } from '@timonel/sdk/kube';
