import type { HydrationRule } from './hydration-policy.js'

const KDE_WORKERS = ['kioworker', 'kioslave', 'kioslave5', 'kdeinit5', 'thumbnail.so']

/**
 * Programs that go through all files without anybody having asked for one of them: what is local they may read, and that
 * is all. And file managers, which look into every file that they show, but must be able to copy.
 */
export const DEFAULT_RULES: readonly HydrationRule[] = [
  // KDE makes thumbnails in the same program that copies files.
  { verdict: 'local-only', programs: KDE_WORKERS, argument: 'thumbnail.so' },
  // Thumbnails
  { verdict: 'local-only', programs: ['tumblerd', '*-thumbnailer', 'ffmpegthumbnailer', 'kio_thumbnail*'] },
  {
    verdict: 'local-only',
    programs: [
      // Indexes and media servers
      'localsearch',
      'localsearch-*',
      'tracker-miner-*',
      'tracker-extract*',
      'tracker-writeback*',
      'baloo_file',
      'baloo_file_extractor',
      'baloo_filemetadata*',
      'updatedb',
      'updatedb.*',
      'recollindex',
      'rygel',
      'minidlnad',
      // Virus scanners
      'clamd',
      'clamscan',
      'clamdscan',
      'clamonacc',
      'wdavdaemon',
      'savscan',
      'rkhunter',
      'maldet',
      // Backups
      'deja-dup*',
      'duplicity',
      'borg',
      'borgmatic',
      'vorta',
      'restic',
      'rsnapshot',
      'rdiff-backup',
      'backintime*',
      'timeshift',
      'kopia',
      'bup',
      'duplicati*',
      'pika-backup*',
    ],
  },
  {
    verdict: 'full',
    sniffs: true,
    programs: [
      'nautilus',
      'nemo',
      'nemo-desktop',
      'caja',
      'thunar',
      'Thunar',
      'xfdesktop',
      'pcmanfm',
      'pcmanfm-qt',
      'dolphin',
      'konqueror',
      'krusader',
      'kioworker',
      'kioslave',
      'kioslave5',
      'kdeinit5',
      'spacefm',
      'doublecmd',
      'cosmic-files',
      'gio',
      'gvfsd*',
      'xdg-desktop-portal*',
    ],
  },
]
