/**
 * How the drive gets into the kernel: by our own native addon, which speaks the kernel's protocol, or by the fuse-native
 * package, which runs where the addon does not.
 */
export type TransportName = 'kernel' | 'fuse-native'

export const TRANSPORT_NAMES: readonly TransportName[] = ['kernel', 'fuse-native']
