/** Leases among other things that are known of a part. */
import type { Lease } from '../../core/work-store.ts'

/** The lease alone. */
export const leaseOf = ({ subscription, part, epoch }: Lease): Lease => ({ subscription, part, epoch })

/** The part, whoever has it. */
export const partKey = ({ subscription, part }: Lease): string => `${subscription} ${part}`
