import { declareSupport } from '../support.ts'

const TYPE = 'envoy.type.v3'

declareSupport(`${TYPE}.Percent`, { supported: ['value'] })
declareSupport(`${TYPE}.FractionalPercent`, { supported: ['numerator', 'denominator'] })
declareSupport(`${TYPE}.Int32Range`, { supported: ['start', 'end'] })
declareSupport(`${TYPE}.SemanticVersion`, { supported: ['major_number', 'minor_number', 'patch'] })
declareSupport(`${TYPE}.HttpStatus`, { supported: ['code'] })
