// The filters of the first half of the alphabet; ext_proc, whose processor takes its time, is played by ext-proc.test.ts.
import { describeFilterAnswers } from './filter-answers.ts'

describeFilterAnswers('http filters answer as Envoy', filter => filter < 'h' && filter !== 'ext_proc')
