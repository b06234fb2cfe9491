import { followClockAhead } from './clock-ahead.js'

followClockAhead(process.env['HOME'] ?? '')
