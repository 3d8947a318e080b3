// What a training has made: the version, whether it answers now, and how good it is on rows it never saw.
import { Link } from '@tanstack/react-router';
import { definitionInWords, spoken } from '../../churn-words.ts';
import { count, day } from '../../format.ts';
import type { TrainResult } from '../../job-results.ts';
import { modelKindWord } from '../../job-words.ts';
import { versionOf } from '../../models.ts';
import { ModelEvidence } from '../models/model-evidence.tsx';
import { Panel } from '../panel.tsx';

export function TrainView({ result }: { result: TrainResult }) {
  return (
    <div className="stack">
      <Panel
        title={`${result.id} was ${result.deployed ? 'put in force' : 'registered'}`}
        unit={modelKindWord(result.kind)}
        className="snug"
        foot={
          <>
            <Link className="ctl pri" to="/models/$name/$version/{-$tab}" params={versionOf(result.id)}>
              Open {result.id}
            </Link>
            <span className="t3">
              learned from what was known at #{count(result.asOf.seq)}, until {day(result.asOf.at)}
            </span>
            <span className="sp" />
            <span className="mono t3" title={`SHA-256 of the artefact: ${result.digest}`}>
              {result.digest.slice(0, 12)}
            </span>
          </>
        }
      >
        <p className="lead">
          {result.refused ? (
            <>
              <b className="warn">Not put in force.</b> {result.refused.message}
            </>
          ) : result.deployed ? (
            'It answers from the position on where it was put in force.'
          ) : (
            'Nobody is answered by it before it is put in force.'
          )}{' '}
          {result.definition && definitionInWords(spoken(result.definition))}
        </p>
      </Panel>
      <ModelEvidence artefact={result} />
    </div>
  );
}
