// The filters of the second half of the alphabet.
import { describeFilterAnswers } from './filter-answers.ts'

describeFilterAnswers('more http filters answer as Envoy', filter => filter >= 'h')
