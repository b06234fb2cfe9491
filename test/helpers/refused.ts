/**
 * With what a library that is shared for reading only refuses to be written to: to everybody but root its mode bits say so first,
 * as those of any file do.
 */
export const REFUSED_TO_WRITE = process.getuid?.() === 0 ? /^EROFS$/ : /^(EROFS|EACCES)$/
