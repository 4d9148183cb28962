-- What to tell the user of an error: its own words where it was raised for the user, else where the log has it.
return function(log)
  return function(problem)
    if type(problem) == "table" and problem.told then return problem.told end
    log.add(debug.traceback(tostring(problem), 2))
    return "Something unexpected went wrong; please report what is at the end of " .. log.path
  end
end
