import assert from 'node:assert/strict'
import { test } from 'node:test'
import { formatTime } from './start-time.ts'

/** Thursday, 2 January 2025, 03:04:05.006 007 UTC */
const MS = Date.UTC(2025, 0, 2, 3, 4, 5, 6) + 0.007

test('without a format: ISO 8601 in UTC with milliseconds', () => {
  assert.equal(formatTime(MS, ''), '2025-01-02T03:04:05.006Z')
})

test('strftime conversions', () => {
  const cases: Readonly<Record<string, string>> = {
    '%Y/%m/%dT%H:%M:%S%z': '2025/01/02T03:04:05+0000',
    '%F %T %y %e': '2025-01-02 03:04:05 25  2',
    '%a %A %b %B': 'Thu Thursday Jan January',
    '%j %p %I': '002 AM 03',
    '%D %R': '01/02/25 03:04',
    '%h %P %t%u %w %U %W %V %G %g %C': 'Jan am \t4 4 00 00 01 2025 25 20',
    '%c|%x|%X|%r|%k|%l': 'Thu Jan  2 03:04:05 2025|01/02/25|03:04:05|03:04:05 AM| 3| 3',
    '%q %E': '%q %E',
    '%Z %% %%f': 'UTC % %f',
    'plain %': 'plain %',
  }
  for (const [format, expected] of Object.entries(cases)) assert.equal(formatTime(MS, format), expected, format)
})

test('a moment as Envoy printed it', () => {
  const at = Date.UTC(2026, 10, 24, 13, 9, 59, 726) + 0.31
  const format =
    '%j %a %A %b %B %y %e %p %I %D %R %t %u %w %U %V %G %C %h %Z %z %c %x %X %r %k %l %g %W %P %q %E4S %s %3f'
  assert.equal(
    formatTime(at, format),
    '328 Tue Tuesday Nov November 26 24 PM 01 11/24/26 13:09 \t 2 2 47 48 2026 20 Nov UTC +0000 Tue Nov 24 13:09:59 2026 11/24/26 13:09:59 01:09:59 PM 13  1 26 47 pm %q 59.7263 1795525799 726',
  )
})

test('weeks around the turn of years', () => {
  const of = (year: number, month: number, day: number) => formatTime(Date.UTC(year, month - 1, day), '%G-%V %U %W %j')
  assert.equal(of(2021, 1, 3), '2020-53 01 00 003')
  assert.equal(of(2024, 12, 30), '2025-01 52 53 365')
  assert.equal(of(2023, 1, 1), '2022-52 01 00 001')
  assert.equal(of(2024, 12, 31), '2025-01 52 53 366')
})

test('epoch seconds and fractions of a second', () => {
  assert.equal(formatTime(MS, '%s'), '1735787045')
  assert.equal(formatTime(MS, '%s.%3f'), '1735787045.006')
  assert.equal(formatTime(MS, '%1f %6f').slice(0, 8), '0 006007')
  assert.match(formatTime(MS, '%f'), /^00600[67]\d{3}$/)
})

test('local times are those of the machine, with its distance from UTC', () => {
  const zone = process.env['TZ']
  try {
    process.env['TZ'] = 'Asia/Kolkata'
    const ms = Date.UTC(2026, 0, 31, 20, 0, 1, 250)
    assert.equal(formatTime(ms, '', true), '2026-02-01T01:30:01.250+0530')
    assert.equal(formatTime(ms, '%d %H:%M %Ez %s', true), `01 01:30 +05:30 ${ms / 1000 - 0.25}`)
    assert.equal(formatTime(ms, '%d %H:%M %Ez %s'), `31 20:00 +00:00 ${ms / 1000 - 0.25}`)
  } finally {
    if (zone === undefined) delete process.env['TZ']
    else process.env['TZ'] = zone
  }
})
