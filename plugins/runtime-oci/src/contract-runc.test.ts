import { ociContract } from './testing/oci-contract.ts';

ociContract('runc');
